import { createHash, randomBytes } from 'node:crypto'

/** The secrets of one authorization request: RFC 7636 (verifier, challenge), RFC 6749 10.12 (state), OpenID Connect (nonce). */
export interface Pkce {
  readonly verifier: string
  /** S256 of `verifier`. */
  readonly challenge: string
  readonly state: string
  readonly nonce: string
}

export function createPkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url')
  return {
    verifier,
    challenge: pkceChallenge(verifier),
    state: randomBytes(16).toString('base64url'),
    nonce: randomBytes(32).toString('base64url'),
  }
}

/** RFC 7636 4.2. */
export function pkceChallenge(verifier: string): string {
  return createHash('sha256').update(verifier, 'ascii').digest('base64url')
}
