import 'reflect-metadata'
import { isIP } from 'node:net'
import { randomBytes } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { encodeCertsOnly } from './certs-only.ts'
import { certificateFingerprint } from './fingerprint.ts'
import { createKeys, keyToPem, signatureAlgorithm } from './key-pair.ts'
import type { CertificateKeys } from './key-pair.ts'

export interface Certificate {
  /** The leaf only. */
  readonly pem: string
  /** Leaf and intermediate: what a TLS peer presents. */
  readonly chainPem: string
  readonly der: Uint8Array
  readonly fingerprint: string
}

export interface KeyedCertificate extends Certificate {
  readonly keyPem: string
}

export interface CertificateAuthority {
  /** Intermediate and root: the trust bundle of the network. */
  readonly bundlePem: string
  /** The same as est/cacerts gives it. */
  readonly certsOnly: string
  /** `spiffe` is the path of the identifier (`router/<id>`). */
  issueServer(options: { name: string; hosts: readonly string[]; spiffe: string }): Promise<KeyedCertificate>
  /** A client certificate with a key of its own. */
  issueClient(options: { name: string; spiffe: string }): Promise<KeyedCertificate>
  /**
   * Signs the key of a PEM request (EC or RSA); subject and names are ours, as a real controller overrides them
   * (protocol section 1.5). `undefined`: not a request, or its own signature is wrong.
   */
  signRequest(options: { csrPem: string; name: string; spiffe: string }): Promise<Certificate | undefined>
}

const trustDomain = 'devnet'
const day = 24 * 60 * 60 * 1000
const organization = 'C=US, O=NetFoundry, OU=devnet'

/** Root and intermediate as the quickstart of OpenZiti makes them, but EC. `now` is milliseconds since the epoch. */
export async function createCertificateAuthority(now: () => number): Promise<CertificateAuthority> {
  const rootKeys = await createKeys()
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(now, 3650), serialNumber: serialNumber(), name: `${organization}, CN=root-ca`,
    keys: rootKeys, signingAlgorithm: signatureAlgorithm, extensions: await authorityExtensions(rootKeys, undefined),
  })
  const keys = await createKeys()
  const intermediate = await x509.X509CertificateGenerator.create({
    ...validity(now, 3650), serialNumber: serialNumber(), subject: `${organization}, CN=intermediate-ca`, issuer: root.subject,
    publicKey: keys.publicKey, signingKey: rootKeys.privateKey, signingAlgorithm: signatureAlgorithm,
    extensions: await authorityExtensions(keys, root),
  })
  const issue = async (subject: string, publicKey: x509.PublicKeyType, days: number, extensions: x509.Extension[]) => {
    const leaf = await x509.X509CertificateGenerator.create({
      ...validity(now, days), serialNumber: serialNumber(), subject, issuer: intermediate.subject, publicKey,
      signingKey: keys.privateKey, signingAlgorithm: signatureAlgorithm,
      extensions: [...extensions, await x509.AuthorityKeyIdentifierExtension.create(intermediate)],
    })
    return describe(leaf, intermediate)
  }
  return createIssuer(issue, [intermediate, root])
}

type Issue = (subject: string, key: x509.PublicKeyType, days: number, extensions: x509.Extension[]) => Promise<Certificate>

function createIssuer(issue: Issue, bundle: readonly x509.X509Certificate[]): CertificateAuthority {
  const issueClient = (name: string, publicKey: x509.PublicKeyType, spiffe: string) =>
    issue(`C=US, O=NetFoundry, CN=${name}`, publicKey, 365, clientExtensions(spiffe))
  return {
    bundlePem: bundle.map((certificate) => `${certificate.toString('pem')}\n`).join(''),
    certsOnly: encodeCertsOnly(bundle.map((certificate) => new Uint8Array(certificate.rawData))),
    async issueServer({ name, hosts, spiffe }) {
      const keys = await createKeys()
      const certificate = await issue(`${organization}, CN=${name}`, keys.publicKey, 365, serverExtensions(hosts, spiffe))
      return { ...certificate, keyPem: keyToPem(keys.privateKey) }
    },
    async issueClient({ name, spiffe }) {
      const keys = await createKeys()
      return { ...await issueClient(name, keys.publicKey, spiffe), keyPem: keyToPem(keys.privateKey) }
    },
    async signRequest({ csrPem, name, spiffe }) {
      const publicKey = await parseRequest(csrPem)
      return publicKey === undefined ? undefined : issueClient(name, publicKey, spiffe)
    },
  }
}

/** The key of a request that proves possession of it (RFC 2986 section 4.2). The library throws for anything unexpected. */
async function parseRequest(csrPem: string): Promise<x509.PublicKey | undefined> {
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem)
    return await request.verify() ? request.publicKey : undefined
  } catch {
    return undefined
  }
}

function describe(leaf: x509.X509Certificate, issuer: x509.X509Certificate): Certificate {
  const der = new Uint8Array(leaf.rawData)
  const pem = `${leaf.toString('pem')}\n`
  return { pem, chainPem: `${pem}${issuer.toString('pem')}\n`, der, fingerprint: certificateFingerprint(der) }
}

/** Begins a minute early, so that a peer whose clock is a little behind accepts it. */
function validity(now: () => number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now() - 60_000), notAfter: new Date(now() + days * day) }
}

/** 16 octets, positive (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0] ?? 0) & 0x7f | 0x40
  return bytes.toString('hex')
}

async function authorityExtensions(keys: CertificateKeys, issuer: x509.X509Certificate | undefined): Promise<x509.Extension[]> {
  const extensions: x509.Extension[] = [
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    new x509.BasicConstraintsExtension(true, issuer === undefined ? undefined : 1, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    spiffeNames(''),
  ]
  if (issuer !== undefined) extensions.push(await x509.AuthorityKeyIdentifierExtension.create(issuer))
  return extensions
}

function serverExtensions(hosts: readonly string[], spiffe: string): x509.Extension[] {
  const { digitalSignature, nonRepudiation, keyEncipherment } = x509.KeyUsageFlags
  return [
    new x509.KeyUsagesExtension(digitalSignature | nonRepudiation | keyEncipherment, true),
    new x509.BasicConstraintsExtension(false, undefined, true),
    spiffeNames(spiffe, hosts),
  ]
}

function clientExtensions(spiffe: string): x509.Extension[] {
  const { digitalSignature, keyEncipherment, dataEncipherment } = x509.KeyUsageFlags
  return [
    new x509.KeyUsagesExtension(digitalSignature | keyEncipherment | dataEncipherment, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    spiffeNames(spiffe),
  ]
}

function spiffeNames(path: string, hosts: readonly string[] = []): x509.Extension {
  const uri = path === '' ? `spiffe://${trustDomain}` : `spiffe://${trustDomain}/${path}`
  return new x509.SubjectAlternativeNameExtension([
    ...hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' as const : 'ip' as const, value: host })),
    { type: 'url', value: uri },
  ])
}
