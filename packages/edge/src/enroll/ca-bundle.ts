import { CodedError } from '@tunnel/flow'
import { loadX509 } from './x509.ts'

// Far above the two or three of a network.
const maxCertificates = 200

/**
 * The body of est/cacerts (protocol section 1.4): base64 in lines, of a PKCS#7 "certs-only" message (RFC 7030 4.1.3). PEM texts,
 * or `undefined` when it is not that, or holds no certificate.
 */
export async function parseCaBundle(body: string): Promise<readonly string[] | undefined> {
  const base64 = body.replaceAll(/\s+/g, '')
  if (base64 === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined
  const { X509Certificates } = await loadX509()
  try {
    const certificates = [...new X509Certificates(new Uint8Array(Buffer.from(base64, 'base64')))]
    if (certificates.length === 0 || certificates.length > maxCertificates) return undefined
    return certificates.map((certificate) => `${certificate.toString('pem').trim()}\n`)
  } catch {
    return undefined
  }
}

export function noCaBundle(controller: string): CodedError {
  const message = `Controller ${controller} gave no CA certificates (est/cacerts); without them nothing of it can be trusted.`
  return new CodedError('enroll.no-ca', message, { detail: { controller } })
}
