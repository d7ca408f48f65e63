import { KeyObject, webcrypto } from 'node:crypto'

/** P-256 everywhere: a key costs well under a millisecond, so that a network starts at once. */
export const signatureAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export type CertificateKeys = webcrypto.CryptoKeyPair

export function createKeys(): Promise<CertificateKeys> {
  return webcrypto.subtle.generateKey(signatureAlgorithm, true, ['sign', 'verify'])
}

/** SEC1 (`EC PRIVATE KEY`), as the Go client writes its identity files. */
export function keyToPem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'sec1', format: 'pem' }).toString()
}
