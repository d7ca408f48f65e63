import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { ContentType, encodeString, HeaderId } from '@tunnel/edge/wire'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createCertificateAuthority, type CertificateAuthority, type KeyedCertificate } from '../pki/certificate-authority.ts'
import type { Router } from './router.ts'
import { SdkPeer, settle } from './testing/sdk-peer.ts'
import { createTestNetwork, type TestNetwork } from './testing/test-network.ts'

let authority: CertificateAuthority
let alice: KeyedCertificate
let server: KeyedCertificate
let network: TestNetwork
let running: Router | undefined

beforeAll(async () => {
  authority = await createCertificateAuthority(Date.now)
  alice = await authority.issueClient({ name: 'alice', spiffe: 'identity/alice' })
  server = await authority.issueServer({ name: 'r1', hosts: ['127.0.0.1', 'localhost'], spiffe: 'router/r1' })
})
afterEach(() => running?.kill())

async function startRouter(): Promise<Router> {
  network = createTestNetwork()
  running = network.router('r1', { tls: { cert: server.chainPem, key: server.keyPem, ca: authority.bundlePem } })
  await running.start()
  return running
}

const dial = (router: Router, options: ConnectionOptions = {}): TLSSocket =>
  connect({
    host: '127.0.0.1', port: Number(new URL(router.url).port), ca: authority.bundlePem, cert: alice.chainPem, key: alice.keyPem, ...options,
  })

const channel = async (router: Router): Promise<SdkPeer> => {
  const socket = dial(router)
  await once(socket, 'secureConnect')
  const sdk = new SdkPeer(socket)
  sdk.says(ContentType.Hello, [[HeaderId.SessionToken, encodeString('alice-token')]], '', -1)
  await sdk.hears(ContentType.Result)
  return sdk
}

const failure = async (socket: TLSSocket): Promise<string> => {
  socket.resume()
  const error = await new Promise<Error & { code?: string }>((resolve) => {
    socket.once('error', resolve)
    socket.once('close', () => resolve(new Error('closed')))
  })
  return error.code ?? error.message
}

describe('the listener of a router (protocol sections 3.1 and 11.1)', () => {
  it.each([
    ['ziti-edge', { ALPNProtocols: ['ziti-edge'] }],
    ['no ALPN', {}],
    ['TLS 1.2 without ALPN, as the C SDK', { maxVersion: 'TLSv1.2' as const }],
  ])('takes %s', async (_case, options) => {
    const socket = dial(await startRouter(), options)
    await once(socket, 'secureConnect')
    const sdk = new SdkPeer(socket)
    sdk.says(ContentType.Hello, [[HeaderId.SessionToken, encodeString('alice-token')]], '', 0)
    await sdk.hears(ContentType.Result)
    sdk.leaves()
  })

  it.each([['h2'], ['http/1.1'], ['ziti-ctrl']])('refuses ALPN %s by an alert', async (protocol) => {
    const router = await startRouter()
    expect(await failure(dial(router, { ALPNProtocols: [protocol] }))).toMatch(/ALERT_NO_APPLICATION_PROTOCOL/)
    expect(router.stats()).toMatchObject({ channels: 0, tlsFailures: 1 })
  })

  it('refuses a client without a certificate by alert 116', async () => {
    const router = await startRouter()
    const { cert: _cert, key: _key, ...anonymous } = { cert: undefined, key: undefined, ca: authority.bundlePem }
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(router.url).port), ...anonymous })
    expect(await failure(socket)).toMatch(/CERTIFICATE_REQUIRED/)
    await settle()
    expect(router.stats().channels).toBe(0)
  })

  it('refuses the certificate of another authority', async () => {
    const router = await startRouter()
    const stranger = await (await createCertificateAuthority(Date.now)).issueClient({ name: 'alice', spiffe: 'identity/alice' })
    await failure(dial(router, { cert: stranger.chainPem, key: stranger.keyPem }))
    expect(router.stats().channels).toBe(0)
  })

  it('refuses TLS 1.1', async () => {
    const router = await startRouter()
    await expect((async () => failure(dial(router, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })))()).resolves.toMatch(/TLS|SSL|closed|PROTO/)
  })
})

describe('the life of a router', () => {
  it('ends with its channels, and begins again on the same port', async () => {
    const router = await startRouter()
    const { url } = router
    const first = await channel(router)
    router.kill()
    await first.closed
    await expect(channel(router)).rejects.toThrow()
    await router.start()
    expect(router.url).toBe(url)
    const second = await channel(router)
    await router.stop()
    await second.closed
    expect(router.stats()).toMatchObject({ channels: 0, closed: { killed: 1, stopped: 1 } })
  })

  it('freezes: sockets stay open, nothing moves, not even a handshake, and nothing is lost', async () => {
    const router = await startRouter()
    const sdk = await channel(router)
    router.freeze()
    const probe = sdk.says(ContentType.Latency)
    let late: SdkPeer | undefined
    const dialled = channel(router).then((opened) => (late = opened))
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect([sdk.isClosed, sdk.unheard.length, late]).toEqual([false, 0, undefined])
    router.resume()
    expect((await sdk.hears(ContentType.Result)).replyFor).toBe(probe)
    await dialled
    expect(router.stats().channels).toBe(2)
  })

  it('drops the channels that a test points at', async () => {
    const router = await startRouter()
    const sdk = await channel(router)
    expect(router.dropChannels((session) => session?.identityName === 'bob')).toBe(0)
    expect(router.dropChannels((session) => session?.identityName === 'alice')).toBe(1)
    await sdk.closed
  })

  it('can be late, in order', async () => {
    const router = await startRouter()
    const sdk = await channel(router)
    router.delay(20)
    const begun = performance.now()
    const first = sdk.says(ContentType.Latency)
    await settle()
    router.delay(0)
    const second = sdk.says(ContentType.Latency)
    expect((await sdk.hears(ContentType.Result)).replyFor).toBe(first)
    expect((await sdk.hears(ContentType.Result)).replyFor).toBe(second)
    expect(performance.now() - begun).toBeGreaterThan(15)
  })

  it('carries megabytes through TLS to a target and back', async () => {
    const router = await startRouter()
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    network.target('echo', { protocol: 'tcp', host: '127.0.0.1', port: (echo.address() as { port: number }).port })
    const sdk = await channel(router)
    await sdk.connects(1, 'Dial:echo')
    const body = Uint8Array.from({ length: 4 * 1024 * 1024 }, (_, index) => (index * 7) % 253)
    for (let at = 0; at < body.length; at += 65_000) sdk.data(1, body.subarray(at, at + 65_000))
    expect(Buffer.compare(await sdk.hearsBytes(1, body.length), body)).toBe(0)
    echo.close()
  })
})
