import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import { BasicConstraintsExtension, PemConverter, SubjectAlternativeNameExtension, X509Certificate, X509CertificateGenerator, X509Certificates } from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const day = 86_400_000

export interface Issued {
  /** PEM. */
  readonly cert: string
  readonly key: string
  readonly privateKey: webcrypto.CryptoKey
}

export interface TestPki {
  /** PEM of the root. */
  readonly ca: string
  /** Body of est/cacerts. */
  readonly cacerts: string
  issue(name: string, options?: { notBefore?: Date; notAfter?: Date; publicKey?: webcrypto.CryptoKey }): Promise<Issued>
}

/** A certificate authority that lives in memory; its certificates are for localhost and 127.0.0.1. */
export async function createTestPki(): Promise<TestPki> {
  const rootKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01', name: 'CN=test root', notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day),
    signingAlgorithm: algorithm, keys: rootKeys, extensions: [new BasicConstraintsExtension(true, 2, true)],
  })
  let serial = 1
  return {
    ca: root.toString('pem'),
    cacerts: Buffer.from(new X509Certificates([root]).export('raw')).toString('base64').replaceAll(/(.{64})/g, '$1\n'),
    async issue(name, { notBefore = new Date(Date.now() - day), notAfter = new Date(Date.now() + day), publicKey } = {}) {
      const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
      serial += 1
      const cert: X509Certificate = await X509CertificateGenerator.create({
        serialNumber: serial.toString(16).padStart(2, '0'), subject: `CN=${name}`, issuer: root.subject, notBefore, notAfter,
        signingAlgorithm: algorithm, publicKey: publicKey ?? keys.publicKey, signingKey: rootKeys.privateKey,
        extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }, { type: 'ip', value: '127.0.0.1' }])],
      })
      const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
      return { cert: PemConverter.encode(cert.rawData, 'CERTIFICATE'), key, privateKey: keys.privateKey }
    },
  }
}
