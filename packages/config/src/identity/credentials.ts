import { createPrivateKey, X509Certificate } from 'node:crypto'
import { CodedError } from '@tunnel/flow'
import type { IdentityConfig } from './identity.ts'
import { fieldError } from './identity-json.ts'

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/**
 * Everything about key and certificates that can be known without the network, so that a person reads it now and not
 * as a TLS alert later. Throws `identity.field`, `identity.key-mismatch`, `identity.not-yet-valid`, `identity.expired`.
 */
export function checkCredentials(identity: IdentityConfig, now: Date): void {
  const { key, cert, ca, source } = identity
  if (ca !== undefined) parseCertificates(ca, source, 'id.ca')
  if (key !== undefined && cert === undefined) throw fieldError(source, 'id.cert', 'is missing, but id.key is there; both or none are needed')
  if (cert === undefined) return
  if (key === undefined) throw fieldError(source, 'id.key', 'is missing, but id.cert is there; both or none are needed')
  const [leaf] = parseCertificates(cert, source, 'id.cert')
  if (leaf === undefined) return
  checkKey(leaf, key, source)
  checkValidity(leaf, source, now)
}

function checkKey(leaf: X509Certificate, key: string, source: string): void {
  if (leaf.checkPrivateKey(parseKey(key, source))) return
  throw new CodedError(
    'identity.key-mismatch',
    `identity ${source}, field id.key: the key does not belong to the certificate in id.cert (${subjectOf(leaf)}); use the pair from one enrollment`,
    { detail: { file: source, field: 'id.key' } },
  )
}

function checkValidity(leaf: X509Certificate, source: string, now: Date): void {
  const fail = (code: string, what: string) =>
    new CodedError(code, `identity ${source}, field id.cert: the certificate (${subjectOf(leaf)}) ${what}`, {
      detail: { file: source, field: 'id.cert' },
    })
  if (now < leaf.validFromDate) {
    throw fail('identity.not-yet-valid', `is not valid before ${day(leaf.validFromDate)}; check this computer's clock, it says ${day(now)}`)
  }
  if (now > leaf.validToDate) {
    throw fail('identity.expired', `expired on ${day(leaf.validToDate)} (now ${day(now)}); enroll the identity again`)
  }
}

function parseKey(pem: string, source: string): ReturnType<typeof createPrivateKey> {
  if (/-----BEGIN ENCRYPTED|Proc-Type:.*ENCRYPTED/.test(pem)) {
    throw fieldError(source, 'id.key', 'is encrypted with a passphrase, which is not supported; decrypt it with: openssl pkey -in KEY')
  }
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    const wanted = 'EC PRIVATE KEY, RSA PRIVATE KEY or PRIVATE KEY'
    throw fieldError(source, 'id.key', `is not a readable private key; a PEM block ${wanted} is needed`, cause)
  }
}

function parseCertificates(pem: string, source: string, field: string): X509Certificate[] {
  const blocks = pem.match(certificateBlock) ?? []
  if (blocks.length === 0) throw fieldError(source, field, 'holds no certificate; a PEM block CERTIFICATE is needed')
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch (cause) {
      throw fieldError(source, field, `certificate ${index + 1} of ${blocks.length} is damaged and cannot be read`, cause)
    }
  })
}

function subjectOf({ subject }: X509Certificate): string {
  return (subject ?? '').replaceAll('\n', ', ').slice(0, 120)
}

function day(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}
