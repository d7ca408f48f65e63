import { KeyObject, webcrypto } from 'node:crypto'
import { loadX509 } from './x509.ts'

/** `EC`: P-256. `RSA`: 4096 bit, as the Go client makes by default, for networks that want it. */
export type KeyAlgorithm = 'EC' | 'RSA'

export interface RequestedKey {
  readonly privateKey: KeyObject
  /** PKCS#8 PEM. */
  readonly pem: string
  /** PKCS#10 PEM. */
  readonly csr: string
}

const algorithms = {
  EC: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  RSA: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
} as const

/** A new key with its certificate request. The controller sets all names itself: only the key counts (section 1.5). */
export async function requestKey(algorithm: KeyAlgorithm, subject: string): Promise<RequestedKey> {
  const { Pkcs10CertificateRequestGenerator } = await loadX509()
  const signingAlgorithm = algorithms[algorithm]
  const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ C: ['US'] }, { O: ['NetFoundry'] }, { CN: [subject] }],
    keys,
    signingAlgorithm,
  })
  const privateKey = KeyObject.from(keys.privateKey)
  return { privateKey, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), csr: request.toString('pem') }
}
