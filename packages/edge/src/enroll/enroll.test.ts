import 'reflect-metadata'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import fc from 'fast-check'
import { CompactSign, SignJWT } from 'jose'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readCapture } from '../controller/testing/captures.ts'
import { createStubController, type StubAnswer, type StubHandler } from '../controller/testing/stub-controller.ts'
import { createTestPki, type Issued, type TestPki } from '../controller/testing/test-pki.ts'
import { parseCaBundle } from './ca-bundle.ts'
import { enroll } from './enroll.ts'
import { readEnrollmentToken } from './enrollment-token.ts'

let pki: TestPki
let server: Issued
const open: (() => unknown)[] = []
beforeAll(async () => {
  pki = await createTestPki()
  server = await pki.issue('controller')
})
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

const base = '/edge/client/v1'
const used: StubAnswer = { status: 400, body: { error: { code: 'INVALID_ENROLLMENT_TOKEN', message: 'The supplied token is not valid' } } }

/** A controller that enrolls; `override` answers first. */
async function controller(override: StubHandler = () => undefined, identity = server) {
  const stub = await createStubController(pki, async (request) => {
    const own = await override(request)
    if (own !== undefined) return own as StubAnswer
    if (request.path === `${base}/.well-known/est/cacerts`) return { headers: { 'content-type': 'application/pkcs7-mime' }, body: pki.cacerts }
    if (request.path !== `${base}/enroll`) return undefined
    const { cert } = await issueFor(request.body)
    return { body: { data: { cert, serverCert: '' }, meta: {} } }
  }, identity)
  open.push(() => stub.close())
  return stub
}

async function issueFor(csr: string) {
  const request = new Pkcs10CertificateRequest(csr)
  return pki.issue('client1', { publicKey: await request.publicKey.export() })
}

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600

function token(issuer: string, claims: Record<string, unknown> = {}, key = server.privateKey): Promise<string> {
  return new SignJWT({ em: 'ott', exp: inAnHour(), sub: 'BVgLd7EDp', jti: 'one-time', ctrls: ['tls:127.0.0.1:6262'], iss: issuer, ...claims })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(key)
}

describe('enrollment by a one-time token', () => {
  it('gives an identity whose key, certificate and CA belong together', async () => {
    const stub = await controller()
    const identity = await enroll({ jwt: `\n ${await token(stub.origin)} \n` })
    expect(Object.keys(identity)).toEqual(['ztAPI', 'ztAPIs', 'configTypes', 'id', 'enableHa'])
    expect(identity).toMatchObject({ ztAPI: stub.origin + base, ztAPIs: [stub.origin + base], configTypes: null, enableHa: false })
    const { key, cert, ca } = identity.id
    const leaf = new X509Certificate(pem(cert))
    expect(leaf.checkPrivateKey(createPrivateKey(pem(key)))).toBe(true)
    expect(leaf.verify(new X509Certificate(pem(ca)).publicKey)).toBe(true)
    expect(createPrivateKey(pem(key)).asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' })
    const [, post] = stub.requests
    expect(post!.query.toString()).toBe('method=ott&token=one-time')
    expect(post!.headers).toMatchObject({ accept: 'application/json', 'content-type': 'application/x-pem-file' })
    expect(new Pkcs10CertificateRequest(post!.body).subject).toBe('C=US, O=NetFoundry, CN=BVgLd7EDp')
  })

  it('can make an RSA key of 4096 bits', { timeout: 60_000 }, async () => {
    const stub = await controller()
    const identity = await enroll({ jwt: await token(stub.origin), keyAlgorithm: 'RSA' })
    expect(createPrivateKey(pem(identity.id.key)).asymmetricKeyDetails).toMatchObject({ modulusLength: 4096 })
  })

  it('understands plain PEM, a CA in the answer, other controllers, and a CA of the user', async () => {
    const plain = await controller(async (request) => (request.path === `${base}/enroll` ? { body: (await issueFor(request.body)).cert } : undefined))
    const other = await createTestPki()
    const identity = await enroll({ jwt: await token(plain.origin), ca: other.ca })
    expect(identity.id.ca.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)

    const controllers = [{ apiAddresses: { 'edge-client': [{ url: 'https://c2.test:1280/edge/client/v1', version: 'v1' }] } }]
    const rich = await controller(async (request) =>
      request.path === `${base}/enroll` ? { body: { data: { cert: (await issueFor(request.body)).cert, ca: other.ca, controllers } } } : undefined)
    expect(await enroll({ jwt: await token(rich.origin) })).toMatchObject({
      ztAPIs: [rich.origin + base, 'https://c2.test:1280/edge/client/v1'], id: { ca: `pem:${other.ca}` },
    })
  })

  it('finds the CA certificates at the root too', async () => {
    const stub = await controller(({ path }) => {
      if (path === `${base}/.well-known/est/cacerts`) return { status: 404 }
      return path === '/.well-known/est/cacerts' ? { body: pki.cacerts } : undefined
    })
    expect(await enroll({ jwt: await token(stub.origin) })).toMatchObject({ ztAPI: stub.origin + base })
  })
})

describe('trust', () => {
  it('ends before a single request when the token was not signed by who answers', async () => {
    const stub = await controller()
    const other = await pki.issue('other')
    await expect(enroll({ jwt: await token(stub.origin, {}, other.privateKey) })).rejects.toMatchObject({ code: 'enroll.token-signature' })
    expect(stub.log).toEqual([])
  })

  it('is not given to a signature with an algorithm that the key is not for', async () => {
    const stub = await controller()
    const [, payload] = (await token(stub.origin)).split('.')
    const header = Buffer.from('{"alg":"RS256"}').toString('base64url')
    await expect(enroll({ jwt: `${header}.${payload}.AAAA` })).rejects.toMatchObject({ code: 'enroll.token-signature' })
  })

  it('is not given to a controller whose own CA certificates do not cover it, and the token is not used', async () => {
    const other = await createTestPki()
    const stub = await controller(({ path }) => (path.endsWith('cacerts') ? { body: other.cacerts } : undefined))
    await expect(enroll({ jwt: await token(stub.origin) })).rejects.toMatchObject({ code: 'controller.untrusted' })
    expect(stub.log).toEqual([`GET ${base}/.well-known/est/cacerts`])
  })

  it('names the clock when the controller\'s certificate is not valid yet', async () => {
    const early = await pki.issue('controller', { notBefore: new Date(Date.now() + 3_600_000) })
    const stub = await controller(undefined, early)
    await expect(enroll({ jwt: await token(stub.origin, {}, early.privateKey) })).rejects.toMatchObject({
      code: 'controller.untrusted', message: expect.stringContaining('clock of this host'),
    })
  })
})

describe('refusals', () => {
  it.each([
    ['erott', 'edge router'], ['updb', 'password'], ['ca', 'third-party CA'], ['ottca', 'third-party CA'], ['network', 'browser'], ['new', 'do not know'],
  ])('of method %s say that it is not supported yet', async (em, text) => {
    await expect(enroll({ jwt: await token('https://nowhere.test', { em }) })).rejects.toMatchObject({
      code: 'enroll.method', message: expect.stringMatching(new RegExp(`not supported yet: .*${text}`)),
    })
  })

  it('of an old token show both times', async () => {
    const jwt = await token('https://nowhere.test', { exp: 1_700_000_000 })
    await expect(enroll({ jwt, now: () => Date.parse('2026-11-22T12:00:00Z') })).rejects.toMatchObject({
      code: 'enroll.token-expired', message: expect.stringMatching(/ended on 2023-11-14.*clock of this host says 2026-11-22T12:00/),
    })
  })

  it.each<[string, StubAnswer, string]>([
    ['a used token', used, 'enroll.token-used'],
    ['a token that ended', { status: 400, body: { error: { code: 'ENROLLMENT_EXPIRED', message: 'x' } } }, 'enroll.token-expired'],
    ['anything else', { status: 400, body: { error: { code: 'CERT_FAILED_VALIDATION', message: 'x' } } }, 'enroll.refused'],
    ['a controller in trouble', { status: 503 }, 'controller.unavailable'],
    ['an answer without certificate', { body: { data: {} } }, 'controller.malformed'],
    ['a certificate that is none', { body: { data: { cert: 'x' } } }, 'enroll.certificate'],
  ])('by the controller: %s', async (_what, answer, code) => {
    const stub = await controller(({ path }) => (path === `${base}/enroll` ? answer : undefined))
    await expect(enroll({ jwt: await token(stub.origin) })).rejects.toMatchObject({ code })
  })

  it('of a certificate for another key', async () => {
    const other = await pki.issue('other')
    const stub = await controller(({ path }) => (path === `${base}/enroll` ? { body: { data: { cert: other.cert } } } : undefined))
    await expect(enroll({ jwt: await token(stub.origin) })).rejects.toMatchObject({ code: 'enroll.certificate', message: expect.stringContaining('another key') })
  })

  it('of a controller without CA certificates', async () => {
    const stub = await controller(({ path }) => (path.endsWith('cacerts') ? { body: 'AAAA' } : undefined))
    await expect(enroll({ jwt: await token(stub.origin) })).rejects.toMatchObject({ code: 'enroll.no-ca' })
  })
})

describe('an enrollment token', () => {
  it.each(['', 'x', 'a.b.c', '{}', 'x'.repeat(70_000)])('%.20j is malformed', (text) => {
    expect(() => readEnrollmentToken(text, 0)).toThrow(expect.objectContaining({ code: 'enroll.token-malformed' }))
  })

  it.each([
    [{ iss: 'http://c' }, 'iss'], [{ iss: 1 }, 'iss'], [{ exp: 'soon' }, 'exp'], [{ jti: undefined }, 'jti'], [{ sub: undefined }, 'sub'], [{ em: undefined }, 'em'],
  ])('with %j names the claim', async (claims, name) => {
    const jwt = await token('https://c', claims)
    expect(() => readEnrollmentToken(jwt, 0)).toThrow(expect.objectContaining({ message: expect.stringContaining(`claim ${name}`) }))
  })

  it.each(['none', 'HS256', 'PS256'])('of algorithm %s is refused', (alg) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    expect(() => readEnrollmentToken(`${part({ alg })}.${part({ iss: 'https://c', em: 'ott', exp: 1 })}.`, 0)).toThrow(
      expect.objectContaining({ code: 'enroll.token-malformed' }))
  })

  it('of any content gives a token or a coded error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (claims) => {
        const jwt = await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'ES256' }).sign(server.privateKey)
        expect(() => readEnrollmentToken(jwt, 0)).toThrow(expect.objectContaining({ name: 'CodedError' }))
      }),
      { numRuns: 50 },
    )
  })
})

describe('the CA bundle', () => {
  it('of a real controller has its two certificates', async () => {
    const bundle = await parseCaBundle(readCapture('well-known-est').body as string)
    expect(bundle!.map((text) => new X509Certificate(text).subject!.split('\n').at(-1))).toEqual(['CN=intermediate-ca-instance-1', 'CN=root-ca'])
  })

  it('of any other bytes is none', async () => {
    const real = Buffer.from((readCapture('well-known-est').body as string).replaceAll('\n', ''), 'base64')
    await fc.assert(
      fc.asyncProperty(fc.nat(real.length - 1), fc.nat(255), fc.boolean(), async (at, byte, cut) => {
        const changed = Buffer.from(cut ? real.subarray(0, at) : real)
        if (!cut) changed[at] = byte
        const bundle = await parseCaBundle(changed.toString('base64'))
        expect(bundle === undefined || bundle.length > 0).toBe(true)
      }),
      { numRuns: 200 },
    )
    for (const body of ['', '\n', 'not base64!', '<html></html>']) expect(await parseCaBundle(body)).toBeUndefined()
  })
})

function pem(locator: string): string {
  expect(locator.startsWith('pem:')).toBe(true)
  return locator.slice('pem:'.length)
}
