import { CodedError } from '@tunnel/flow'
import { versionSchema } from '../controller/schemas/version.ts'
import { loginLegacy } from './legacy-login.ts'
import type { Login, LoginContext } from './login.ts'
import { loginOidc } from './oidc-login.ts'

/** `auto`: OIDC where the controller can, since only such a login is valid at every controller of a cluster. */
export type LoginKind = 'auto' | 'oidc' | 'legacy'

/** One login at `context.base`, of the kind that its capabilities ask for (protocol section 2.3). */
export async function chooseLogin(kind: LoginKind, context: LoginContext): Promise<Login> {
  if (kind === 'legacy') return loginLegacy(context)
  const { data: version } = await context.rest.callAt(context.base, { method: 'GET', path: '/version' }, versionSchema)
  if (version.capabilities.includes('OIDC_AUTH')) return loginOidc(context, version)
  if (kind === 'auto') return loginLegacy(context)
  throw new CodedError('auth.unsupported', `Controller ${new URL(context.base).host} (${version.version}) has no OIDC login. Use 'auto' or 'legacy'.`)
}
