import { decodeJwt } from 'jose'
import type { Call } from './call.ts'
import type { Caller, ControllerContext } from './context.ts'
import type { Reply } from './reply.ts'
import { fail } from './reply.ts'

/** The caller of a request, or the 401 that names what is wrong with its token (protocol section 2.4). */
export function authenticateCall(call: Call, context: ControllerContext): Caller | Reply {
  const bearer = parseBearer(call.headers.authorization)
  if (bearer !== undefined) return identify(bearer, context) ?? refuseBearer(bearer, context)
  const legacy = call.headers['zt-session']
  if (typeof legacy !== 'string' || legacy === '') {
    return unauthorized([challenge('zt-session', 'missing'), challenge('Bearer', 'missing')])
  }
  return identify(legacy, context) ?? unauthorized([challenge('zt-session', 'invalid')])
}

function identify(token: string, { state }: ControllerContext): Caller | undefined {
  const found = state.apiSessions.find(token)
  const identity = state.identities.get(found?.session.identityId ?? '')
  if (found === undefined || identity === undefined) return undefined
  state.apiSessions.touch(found.session)
  return { session: found.session, identity, token, expiresAt: found.session.kind === 'legacy' ? found.session.endsAt : found.expiresAt }
}

/** The token of `Bearer`; of several (secondary ext-jwt authentication) the first. */
function parseBearer(header: string | undefined): string | undefined {
  return /^bearer\s+([^\s,]+)/i.exec(header ?? '')?.[1]
}

function refuseBearer(token: string, { state }: ControllerContext): Reply {
  try {
    const { exp = 0 } = decodeJwt(token)
    return unauthorized([challenge('Bearer', exp * 1000 <= state.now() ? 'expired' : 'invalid')])
  } catch {
    // Seen of 2.0.3: what is no JWT counts as no token (protocol section 11.2).
    return unauthorized([challenge('Bearer', 'missing')])
  }
}

const descriptions = {
  missing: 'no matching token was provided',
  invalid: 'token is invalid',
  expired: 'token is expired',
}

function challenge(scheme: 'zt-session' | 'Bearer', error: keyof typeof descriptions): string {
  const realm = scheme === 'Bearer' ? 'openziti-oidc' : scheme
  return `${scheme} realm="${realm}" error="${error}" error_description="${descriptions[error]}"`
}

function unauthorized(challenges: readonly string[]): Reply {
  return fail('UNAUTHORIZED', { headers: { 'Www-Authenticate': challenges } })
}
