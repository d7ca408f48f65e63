import { X509Certificate } from 'node:crypto'
import { CodedError, isCodedError, type Clock, type Log } from '@tunnel/flow'
import type { RestClient } from '../controller/rest-client.ts'
import type { ApiSession } from '../controller/types.ts'
import type { ApplicationInfo } from './client-info.ts'

/** A login that has succeeded, of either kind. */
export interface Login {
  readonly session: ApiSession
  /** The same API session with a later end. Rejects when it has ended, or no controller answers. */
  refresh(): Promise<ApiSession>
  logout(): Promise<void>
}

export interface LoginContext {
  readonly rest: RestClient
  /** Where this login is made: its steps belong to one controller. */
  readonly base: string
  readonly application: ApplicationInfo
  /** PEM: only to explain a refusal. */
  readonly cert: string
  readonly clock: Clock
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number
  readonly log: Log
}

/** A controller's 400, 401 or 403 to a login as `auth.rejected`; anything else as it is. */
export function loginRefusal(error: unknown, context: LoginContext): unknown {
  if (!isCodedError(error)) return error
  if (error.code !== 'controller.unauthorized' && error.code !== 'controller.refused') return error
  const why = certificateTrouble(context.cert, context.wallClock())
    ?? 'it may have been deleted or disabled, or its certificate been replaced; check it at the controller, or enroll anew'
  return new CodedError('auth.rejected', `Controller ${new URL(context.base).host} refuses this identity: ${why}.`, {
    detail: error.detail, cause: error,
  })
}

/** Why no controller can accept our own certificate, if that is so. */
function certificateTrouble(cert: string, now: number): string | undefined {
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(cert)
  } catch {
    return 'its certificate cannot be parsed'
  }
  const clock = `the clock of this host says ${new Date(now).toISOString()}`
  if (Date.parse(leaf.validTo) < now) return `its certificate ended on ${leaf.validTo} (${clock}); enroll it anew`
  if (Date.parse(leaf.validFrom) > now) return `its certificate begins on ${leaf.validFrom} (${clock}); is that right?`
  return undefined
}

export function authQueriesUnsupported(base: string, kinds: readonly (string | undefined)[]): CodedError {
  const wanted = kinds.map((kind) => kind ?? 'unknown').join(', ')
  return new CodedError(
    'auth.mfa-required',
    `Controller ${new URL(base).host} wants a second factor (${wanted}), which is not supported yet. Change the identity's authentication policy.`,
  )
}
