import 'reflect-metadata'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { X509CertificateGenerator } from '@peculiar/x509'
import { isCodedError } from '@tunnel/flow'
import type { CodedError } from '@tunnel/flow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadIdentity, loadIdentityDirectory } from './load-identity.ts'
import { largestFileBytes } from './read-source.ts'

const now = new Date('2026-06-01T00:00:00Z')
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function selfSigned(name: string) {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2026-12-31T00:00:00Z'),
    keys,
    signingAlgorithm: algorithm,
  })
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  return { cert: `${certificate.toString('pem')}\n`, privateKey, key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) }
}

let me: Awaited<ReturnType<typeof selfSigned>>
let other: Awaited<ReturnType<typeof selfSigned>>
let directory: string

beforeAll(async () => {
  me = await selfSigned('me')
  other = await selfSigned('other')
  directory = await mkdtemp(join(tmpdir(), 'identity-'))
})
afterAll(() => rm(directory, { recursive: true }))

const identity = (id: object) => JSON.stringify({ ztAPI: 'https://one:1280', id })
const whole = () => ({ key: `pem:${me.key}`, cert: `pem:${me.cert}`, ca: `pem:${other.cert}` })
const load = (id: object, at = now) => loadIdentity({ text: identity(id), name: 'ziti.json' }, { now: at })

async function failureOf(loading: Promise<unknown>): Promise<CodedError> {
  const error: unknown = await loading.then(() => new Error('it loaded'), (reason: unknown) => reason)
  if (!isCodedError(error)) throw error
  expect(error.message).not.toContain('\n')
  return error
}

describe('loadIdentity', () => {
  it('takes a key of any usual form with its certificate', async () => {
    const sec1 = String(me.privateKey.export({ type: 'sec1', format: 'pem' }))
    // `openssl ecparam -genkey` writes the curve in front of the key.
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    for (const key of [me.key, sec1, parameters + sec1, me.key.replaceAll('\n', '\r\n')]) {
      expect(await load({ ...whole(), key: `pem:${key}` })).toMatchObject({ key, cert: me.cert, ca: other.cert })
    }
  })

  it('takes a chain, leaf first', async () => {
    expect(await load({ ...whole(), cert: `pem:${me.cert}${other.cert}` })).toHaveProperty('cert', me.cert + other.cert)
    expect(await failureOf(load({ ...whole(), cert: `pem:${other.cert}${me.cert}` }))).toHaveProperty('code', 'identity.key-mismatch')
  })

  it('says that key and certificate do not match', async () => {
    const error = await failureOf(load({ ...whole(), key: `pem:${other.key}` }))
    expect(error.code).toBe('identity.key-mismatch')
    expect(error.message).toMatch(/^identity ziti\.json, field id\.key: .*CN=me/)
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' })
    expect(await failureOf(load({ ...whole(), key: `pem:${String(rsa)}` }))).toHaveProperty('code', 'identity.key-mismatch')
  })

  it('says that the certificate is expired, or not yet valid, and when', async () => {
    const late = await failureOf(load(whole(), new Date('2027-01-01T00:00:00Z')))
    expect([late.code, late.message]).toEqual(['identity.expired', expect.stringContaining('expired on 2026-12-31T00:00:00Z (now 2027-01-01T00:00:00Z)')])
    const early = await failureOf(load(whole(), new Date('2025-01-01T00:00:00Z')))
    expect([early.code, early.message]).toEqual(['identity.not-yet-valid', expect.stringContaining('not valid before 2026-01-01T00:00:00Z')])
  })

  it.each([
    ['id.key', () => ({ ...whole(), key: 'pem:junk' }), /not a readable private key/],
    ['id.key', () => ({ ...whole(), key: 'pem:-----BEGIN ENCRYPTED PRIVATE KEY-----' }), /encrypted with a passphrase/],
    ['id.key', () => ({ ...whole(), key: undefined }), /is missing, but id\.cert is there/],
    ['id.cert', () => ({ ...whole(), cert: undefined }), /is missing, but id\.key is there/],
    ['id.cert', () => ({ ...whole(), cert: 'pem:' }), /holds no certificate/],
    ['id.ca', () => ({ ...whole(), ca: 'pem:junk' }), /holds no certificate/],
    ['id.ca', () => ({ ...whole(), ca: `pem:${other.cert}-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----` }), /certificate 2 of 2 is damaged/],
  ])('names the field %s of bad PEM', async (field, id, message) => {
    const error = await failureOf(load(id()))
    expect(error.code).toBe('identity.field')
    expect(error.message).toMatch(message)
    expect(error.detail.field).toBe(field)
  })

  it('takes an identity without certificate: for other ways to log in', async () => {
    expect(await load({ ca: `pem:${other.cert}` })).toMatchObject({ ca: other.cert })
  })
})

describe('sources', () => {
  it('reads a file, with paths relative to it', async () => {
    await mkdir(join(directory, 'keys'))
    await writeFile(join(directory, 'keys', 'my key.pem'), me.key)
    await writeFile(join(directory, 'me.json'), identity({ ...whole(), key: 'file://keys/my%20key.pem' }))
    expect(await loadIdentity({ file: 'me.json' }, { now, workingDirectory: directory })).toMatchObject({ key: me.key, source: 'me.json' })
  })

  it('reads standard input', async () => {
    const text = identity(whole())
    const standardInput = Readable.from([Buffer.from(text.slice(0, 50)), Buffer.from(text.slice(50))])
    expect(await loadIdentity({ file: '-' }, { now, standardInput })).toMatchObject({ source: 'standard input', key: me.key })
  })

  it('reads an environment variable', async () => {
    const environment = { ZITI_IDENTITY: identity(whole()) }
    expect(await loadIdentity({ file: 'env:ZITI_IDENTITY' }, { now, environment })).toMatchObject({ key: me.key })
    const error = await failureOf(loadIdentity({ file: 'env:NOPE' }, { environment }))
    expect([error.code, error.message]).toEqual(['identity.missing', expect.stringContaining('environment variable NOPE is not set')])
  })

  it('says what is wrong with a file', async () => {
    const big = join(directory, 'big')
    await writeFile(big, Buffer.alloc(largestFileBytes + 1, 0x20))
    const empty = join(directory, 'empty')
    await writeFile(empty, '')
    const codeAndMessage = async (file: string) => {
      const { code, message } = await failureOf(loadIdentity({ file }))
      return `${code}: ${message}`
    }
    expect(await codeAndMessage(join(directory, 'none'))).toMatch(/^identity\.missing: .*none does not exist; enroll first/)
    expect(await codeAndMessage(directory)).toMatch(/^identity\.unreadable: .*is a directory; .*--identity-dir/)
    expect(await codeAndMessage(big)).toMatch(/^identity\.unreadable: .*larger than 1 MiB/)
    expect(await codeAndMessage(empty)).toMatch(/^identity\.not-json: .*is empty/)
    const endless = Readable.from((function* () { for (;;) yield Buffer.alloc(65_536, 0x20) })())
    expect(await failureOf(loadIdentity({ file: '-' }, { standardInput: endless }))).toHaveProperty('code', 'identity.unreadable')
  })

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')('says that a file may not be read', async () => {
    const file = join(directory, 'locked')
    await writeFile(file, '{}')
    await chmod(file, 0o000)
    expect(await failureOf(loadIdentity({ file }))).toMatchObject({ code: 'identity.unreadable', message: expect.stringContaining('may not be read') })
  })
})

describe('loadIdentityDirectory', () => {
  it('loads every *.json in order, each with its own result', async () => {
    const many = join(directory, 'many')
    await mkdir(many)
    await writeFile(join(many, 'b.json'), identity(whole()))
    await writeFile(join(many, 'a.json'), '{')
    await writeFile(join(many, '.c.json'), '{')
    await writeFile(join(many, 'token.jwt'), 'x')
    expect(await loadIdentityDirectory(many, { now })).toMatchObject([
      { file: join(many, 'a.json'), ok: false, error: { code: 'identity.not-json' } },
      { file: join(many, 'b.json'), ok: true, value: { key: me.key } },
    ])
    expect(await failureOf(loadIdentityDirectory(join(directory, 'nowhere')))).toHaveProperty('code', 'identity.missing')
    await writeFile(join(directory, 'plain'), '')
    const noDirectory = await failureOf(loadIdentityDirectory(join(directory, 'plain')))
    expect(noDirectory).toMatchObject({ code: 'identity.unreadable', message: expect.stringMatching(/plain is not a directory; .*-i/) })
  })
})
