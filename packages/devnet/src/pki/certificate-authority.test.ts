import 'reflect-metadata'
import { X509Certificate, generateKeyPairSync, webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as x509 from '@peculiar/x509'
import { beforeAll, describe, expect, it } from 'vitest'
import type { CertificateAuthority } from './certificate-authority.ts'
import { createCertificateAuthority } from './certificate-authority.ts'

let authority: CertificateAuthority
beforeAll(async () => { authority = await createCertificateAuthority(Date.now) })

const pems = (text: string) => text.match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n/g) ?? []

describe('createCertificateAuthority', () => {
  it('issues a server certificate for names and addresses that chains to the root', async () => {
    const server = await authority.issueServer({ name: 'ctrl', hosts: ['127.0.0.1', '::1', 'localhost'], spiffe: 'controller/ctrl' })
    const leaf = new X509Certificate(server.pem)
    const [intermediate, root] = pems(authority.bundlePem).map((pem) => new X509Certificate(pem))
    expect(leaf.checkHost('localhost')).toBe('localhost')
    expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(leaf.checkIP('::1')).toBe('::1')
    expect(leaf.subjectAltName).toContain('URI:spiffe://devnet/controller/ctrl')
    expect(leaf.verify(intermediate!.publicKey) && intermediate!.verify(root!.publicKey)).toBe(true)
    expect(leaf.checkIssued(intermediate!) && intermediate!.checkIssued(root!)).toBe(true)
    expect(pems(server.chainPem)).toHaveLength(2)
  })

  it.each([
    ['P-256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
    ['P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
    ['RSA', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }],
  ])('signs a %s request under its own subject', async (_name, algorithm) => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as webcrypto.CryptoKeyPair
    const csr = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=somebody else', keys, signingAlgorithm: algorithm })
    const signed = await authority.signRequest({ csrPem: csr.toString('pem'), name: 'ID1', spiffe: 'identity/ID1' })
    const leaf = new X509Certificate(signed!.pem)
    expect(leaf.subject).toContain('CN=ID1')
    expect(leaf.subject).not.toContain('somebody')
    expect(leaf.subjectAltName).toBe('URI:spiffe://devnet/identity/ID1')
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(Buffer.from(csr.publicKey.rawData))).toBe(true)
    expect(leaf.fingerprint.replaceAll(':', '').toLowerCase()).toBe(signed!.fingerprint)
  })

  it('refuses what is no request and a request that was changed', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const refuse = (csrPem: string) => authority.signRequest({ csrPem, name: 'x', spiffe: 'identity/x' })
    expect(await refuse('')).toBeUndefined()
    expect(await refuse('-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----')).toBeUndefined()
    expect(await refuse(publicKey.export({ type: 'spki', format: 'pem' }).toString())).toBeUndefined()
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
    const csr = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' } })
    const changed = Buffer.from(csr.rawData)
    changed[changed.length - 3]! ^= 1
    expect(await refuse(x509.PemConverter.encode(changed, 'CERTIFICATE REQUEST'))).toBeUndefined()
  })

  it('gives the bundle as certs-only PKCS#7 in 64 character lines, framed as the real one', () => {
    const lines = authority.certsOnly.split('\n')
    expect(lines.slice(0, -1).every((line) => line.length === 64)).toBe(true)
    const message = Buffer.from(authority.certsOnly, 'base64')
    expect(new x509.X509Certificates(message).map((one) => one.toString('pem'))).toEqual(
      new x509.X509Certificates([...pems(authority.bundlePem)].map((pem) => new x509.X509Certificate(pem))).map((one) => one.toString('pem')),
    )
    const capture = new URL('../../../edge/testdata/captures/well-known-est.json', import.meta.url)
    const real = Buffer.from(JSON.parse(readFileSync(capture, 'utf8')).body, 'base64')
    const frame = (octets: Buffer) => octets.toString('hex').replaceAll(/82..../g, '82')
    expect(frame(message).slice(0, 88)).toBe(frame(real).slice(0, 88))
    expect(message.subarray(-4)).toEqual(real.subarray(-4))
  })
})
