import { boolHeader, ContentType, encodeString, encodeUint64, frameMagic, HeaderId, stringHeader, uint32Header } from '@tunnel/edge/wire'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { connId, settle, type SdkPeer } from './testing/sdk-peer.ts'
import { createTestNetwork } from './testing/test-network.ts'

const yes = Uint8Array.of(1)
const token = (value: string) => [HeaderId.SessionToken, encodeString(value)] as const

describe('hello', () => {
  it.each([-1, 0, 1, 77])('is answered with success when its sequence is %i (protocol section 11.1)', async (sequence) => {
    const network = createTestNetwork()
    const sdk = network.stream(network.router())
    sdk.says(ContentType.Hello, [token('alice-token')], 'an id', sequence)
    const result = await sdk.hears(ContentType.Result)
    expect(result.sequence).toBe(-1)
    expect(new DataView(result.headers.get(HeaderId.ReplyFor)!.buffer).getInt32(0, true)).toBe(sequence)
    expect([...result.headers.keys()].sort((left, right) => left - right)).toEqual([0, 1, 2, 4, 8, 1024, 1032])
    expect(boolHeader(result.headers, HeaderId.ResultSuccess)).toBe(true)
    expect(stringHeader(result.headers, HeaderId.Id)).toBe('r1')
    expect(stringHeader(result.headers, HeaderId.HelloVersion)).toMatch(/^v2\.0\.3\|/)
  })

  it('is answered without IsGrouped when a grouped channel is wanted: a router too old for it', async () => {
    const network = createTestNetwork()
    const sdk = network.stream(network.router())
    sdk.says(ContentType.Hello, [token('alice-token'), [HeaderId.IsGrouped, yes], [HeaderId.IsFirstGroupConnection, yes]], '', -1)
    expect((await sdk.hears(ContentType.Result)).headers.has(HeaderId.IsGrouped)).toBe(false)
  })

  it('of a group that does not exist is answered with success, and the channel closes 17 ms later (section 11.4)', async () => {
    const clock = createVirtualClock()
    const network = createTestNetwork({ clock })
    const router = network.router()
    const sdk = network.stream(router)
    sdk.says(ContentType.Hello, [token('alice-token'), [HeaderId.IsGrouped, yes]], '', -1)
    await sdk.hears(ContentType.Result)
    clock.advance(17)
    await sdk.closed
    expect(router.stats().closed).toEqual({ 'group-unknown': 1 })
  })

  it('must come within five seconds', async () => {
    const clock = createVirtualClock()
    const network = createTestNetwork({ clock })
    const router = network.router()
    const sdk = network.stream(router)
    clock.advance(4999)
    await settle()
    expect(sdk.isClosed).toBe(false)
    clock.advance(1)
    await sdk.closed
    expect(router.stats().closed).toEqual({ 'hello-timeout': 1 })
  })

  it.each([
    ['unknown', 'nobody', 5199, 'token-unknown'],
    ['empty', '', 5199, 'token-unknown'],
    ['of another identity', 'bob-token', 19, 'token-foreign'],
  ])('succeeds with a token that is %s, and the channel closes later', async (_case, value, wait, reason) => {
    const clock = createVirtualClock()
    const network = createTestNetwork({ clock })
    const router = network.router()
    const sdk = network.stream(router)
    sdk.says(ContentType.Hello, [token(value)], '', -1)
    sdk.says(ContentType.Latency)
    expect(boolHeader((await sdk.hears(ContentType.Result)).headers, HeaderId.ResultSuccess)).toBe(true)
    clock.advance(wait)
    await settle()
    expect(sdk.isClosed).toBe(false)
    clock.advance(1)
    await sdk.closed
    expect(sdk.unheard).toEqual([])
    expect(router.stats().closed).toEqual({ [reason]: 1 })
  })

  it.each([
    ['another frame first', (sdk: SdkPeer) => sdk.says(ContentType.Latency), 'hello-expected'],
    ['a body of 4193 bytes', (sdk: SdkPeer) => sdk.says(ContentType.Hello, [], new Uint8Array(4193)), 'frame.oversize'],
    ['headers of 16385 bytes', (sdk: SdkPeer) => sdk.says(ContentType.Hello, [[5, new Uint8Array(16_377)]]), 'frame.oversize'],
    ['HTTP', (sdk: SdkPeer) => sdk.stream.write('GET / HTTP/1.1\r\nhost: router\r\n\r\n'), 'frame.magic'],
    ['a header that does not fit', (sdk: SdkPeer) => sdk.stream.write(malformedHeaderFrame()), 'frame.header-malformed'],
  ] as const)('closes at once on %s', async (_case, speak, reason) => {
    const network = createTestNetwork()
    const router = network.router()
    const sdk = network.stream(router)
    speak(sdk)
    await sdk.closed
    expect(router.stats().closed).toEqual({ [reason]: 1 })
  })

  it('limits only the hello: a large message may come right behind it', async () => {
    const network = createTestNetwork()
    const sdk = network.stream(network.router())
    sdk.says(ContentType.Hello, [token('alice-token')], '', -1)
    sdk.says(ContentType.Data, [connId(5)], new Uint8Array(100_000))
    const probe = sdk.says(ContentType.Latency)
    await sdk.hears(ContentType.Result)
    expect((await sdk.hears(ContentType.Result)).replyFor).toBe(probe)
  })
})

describe('an open channel', () => {
  it('reflects the time of a latency probe (section 3.8)', async () => {
    const network = createTestNetwork()
    const sdk = await network.sdk(network.router())
    const time = encodeUint64(1234567890123n)
    const probe = sdk.says(ContentType.Latency, [[HeaderId.Uuid, time]])
    const result = await sdk.hears(ContentType.Result)
    expect(result.replyFor).toBe(probe)
    expect(result.headers.get(HeaderId.Uuid)).toEqual(time)
  })

  it('says nothing to content types that 2.0.3 does not know', async () => {
    const network = createTestNetwork()
    const router = network.router()
    const sdk = await network.sdk(router)
    for (const type of [ContentType.ConnectV2, 10_900, 10_901, 10_902, 1100, 424_242, -5]) sdk.says(type, [connId(1)], 'echo')
    const probe = sdk.says(ContentType.Latency)
    expect((await sdk.hears(ContentType.Result)).replyFor).toBe(probe)
    expect(router.stats().ignored).toEqual({ unsupported: 7 })
  })

  it('ignores data and closes of connections that it does not know', async () => {
    const network = createTestNetwork()
    const router = network.router()
    const sdk = await network.sdk(router)
    sdk.data(9, 'lost')
    sdk.says(ContentType.StateClosed, [connId(9)])
    sdk.says(ContentType.Data, [], 'for nobody')
    sdk.says(ContentType.Latency)
    await sdk.hears(ContentType.Result)
    expect(router.stats().ignored).toEqual({ 'unknown-connection': 2, 'no-connection-id': 1 })
  })

  it('answers a trace route as its last hop', async () => {
    const network = createTestNetwork()
    const sdk = await network.sdk(network.router())
    const trace = sdk.says(ContentType.TraceRoute, [connId(3), [HeaderId.TraceHopCount, Uint8Array.of(4, 0, 0, 0)]])
    const answer = await sdk.hears(ContentType.TraceRouteResponse)
    expect(answer.replyFor).toBe(trace)
    expect(uint32Header(answer.headers, HeaderId.TraceHopCount)).toBe(3)
    expect(uint32Header(answer.headers, HeaderId.TraceSourceRequestId)).toBe(trace)
  })

  it('closes when its API session ends, and others stay', async () => {
    const network = createTestNetwork()
    const router = network.router()
    const [alice, bob] = [await network.sdk(router, 'alice'), await network.sdk(router, 'bob')]
    network.endApiSession('api-alice')
    await alice.closed
    bob.says(ContentType.Latency)
    await bob.hears(ContentType.Result)
    expect(router.stats()).toMatchObject({ channels: 1, closed: { 'session-ended': 1 } })
  })

  it('closes when its OIDC token expires, unless the token was replaced', async () => {
    const clock = createVirtualClock()
    const network = createTestNetwork({ clock })
    const router = network.router()
    network.setExpiry('alice-token', Date.now() + 60_000)
    network.setExpiry('alice-next', Date.now() + 120_000)
    const sdk = await network.sdk(router)
    sdk.says(ContentType.UpdateToken, [], 'alice-next')
    expect((await sdk.hears(ContentType.UpdateTokenSuccess)).body.length).toBe(0)
    clock.advance(61_000)
    await settle()
    expect(sdk.isClosed).toBe(false)
    clock.advance(60_000)
    await sdk.closed
    expect(router.stats().closed).toEqual({ 'token-expired': 1 })
  })

  it.each(['nonsense', 'bob-token', ''])('closes two milliseconds after it refused the new token "%s" (section 11.5)', async (next) => {
    const clock = createVirtualClock()
    const network = createTestNetwork({ clock })
    const router = network.router()
    const sdk = await network.sdk(router)
    const update = sdk.says(ContentType.UpdateToken, [], next)
    const failure = await sdk.hears(ContentType.UpdateTokenFailure)
    expect(failure.replyFor).toBe(update)
    expect(uint32Header(failure.headers, HeaderId.ErrorCode)).toBe(2)
    expect(JSON.parse(stringHeader(failure.headers, HeaderId.StructuredError)!)).toMatchObject({ code: 2, retryHint: 0 })
    clock.advance(2)
    await sdk.closed
    expect(router.stats().closed).toEqual({ 'token-update-refused': 1 })
  })
})

function malformedHeaderFrame(): Uint8Array {
  const bytes = new Uint8Array(20 + 8)
  const data = new DataView(bytes.buffer)
  data.setUint32(0, frameMagic, true)
  data.setUint32(12, 8, true)
  data.setUint32(24, 100, true)
  return bytes
}
