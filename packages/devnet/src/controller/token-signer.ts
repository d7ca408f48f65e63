import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { JWK, JWTPayload } from 'jose'
import { SignJWT } from 'jose'
import type { KeyedCertificate } from '../pki/certificate-authority.ts'

/** Signs what the controller gives out. */
export interface TokenSigner {
  sign(claims: JWTPayload): Promise<string>
  readonly keyId: string
  readonly keys: readonly JWK[]
}

/** ES256, because our controller's key is a P-256 one (that of the captures is RSA: protocol section 2.6 allows both). */
export function createTokenSigner(certificate: KeyedCertificate): TokenSigner {
  const key = createPrivateKey(certificate.keyPem)
  const keyId = certificate.fingerprint
  return {
    keyId,
    keys: [{ use: 'sig', kid: keyId, alg: 'ES256', ...createPublicKey(certificate.pem).export({ format: 'jwk' }) }],
    sign: (claims) => new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: keyId, typ: 'JWT' })
      .sign(key),
  }
}
