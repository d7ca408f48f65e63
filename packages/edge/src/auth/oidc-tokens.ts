import { decodeJwt, type JWTPayload } from 'jose'
import type { TokenAnswer } from '../controller/schemas/api-session.ts'
import type { ApiSession } from '../controller/types.ts'
import type { LoginContext } from './login.ts'
import { unexpected, type OidcProvider } from './oidc-provider.ts'

export interface IdTokenRules {
  readonly clientId: string
  /** Of the authorization request; a refresh has none. */
  readonly nonce?: string
  /** Of the login, at a refresh (OpenID Connect Core 12.2). */
  readonly subject?: string
}

/**
 * OpenID Connect Core 3.1.3.7. The signature needs no check (rule 6): the token came straight from the token endpoint over TLS.
 * Returns the subject.
 */
export function checkIdToken(provider: OidcProvider, token: string | undefined, rules: IdTokenRules): string {
  if (token === undefined) throw unexpected(provider, 'the answer has no id token')
  const { iss, aud, nonce, sub } = claimsOf(provider, token, 'id')
  if (iss === undefined || !provider.issuers.includes(iss)) throw unexpected(provider, `the id token is of another issuer, ${iss}`)
  if (![aud].flat().includes(rules.clientId)) throw unexpected(provider, 'the id token is for another client')
  if (rules.nonce !== undefined && nonce !== rules.nonce) throw unexpected(provider, 'the nonce of the id token is not ours')
  if (sub === undefined || (rules.subject !== undefined && sub !== rules.subject)) {
    throw unexpected(provider, 'the id token is of another identity')
  }
  return sub
}

export function oidcSession(provider: OidcProvider, answer: TokenAnswer, from: number): ApiSession {
  const claims = claimsOf(provider, answer.access_token, 'access')
  const id = claims['z_asid']
  const header = { authorization: `Bearer ${answer.access_token}` }
  return {
    kind: 'oidc',
    token: answer.access_token,
    expiresAt: from + answer.expires_in * 1000,
    ...(typeof id === 'string' ? { id } : {}),
    header: () => header,
  }
}

// Less is network delay and rounding; more makes certificates and tokens fail in ways that nobody understands.
const tolerableSkew = 60_000

/** A wrong clock breaks nothing here, but much elsewhere: say so. */
export function warnOfSkew({ log, wallClock }: LoginContext, provider: OidcProvider, token: string): void {
  const { iat } = claimsOf(provider, token, 'access')
  if (iat === undefined) return
  const ahead = wallClock() - iat * 1000
  if (Math.abs(ahead) < tolerableSkew) return
  const seconds = Math.round(Math.abs(ahead) / 1000)
  log('warn', 'edge/auth.oidc', `the clock of this host is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} that of the controller; set it`, { seconds })
}

function claimsOf(provider: OidcProvider, token: string, what: string): JWTPayload {
  try {
    return decodeJwt(token)
  } catch {
    throw unexpected(provider, `the ${what} token is no JWT`)
  }
}
