import { ContentType, encodeByte, encodeString, encodeUint16, encodeUint32, HeaderId, stringHeader, uint32Header, boolHeader } from '@tunnel/edge/wire'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { connId, settle, type Entry, type Said, type SdkPeer } from './testing/sdk-peer.ts'
import { createTestNetwork } from './testing/test-network.ts'

const yes = Uint8Array.of(1)
const modern: Entry[] = [[HeaderId.RouterProvidedConnId, yes], [HeaderId.SupportsInspect, yes], [HeaderId.SupportsBindSuccess, yes]]
const listener = (id: string): Entry => [HeaderId.ListenerId, encodeString(id)]

async function start() {
  const clock = createVirtualClock()
  const network = createTestNetwork({ clock })
  const router = network.router()
  return { clock, network, router, host: await network.sdk(router, 'host') }
}

const answerInspect = async (host: SdkPeer, connType = 2): Promise<Said> => {
  const inspect = await host.hears(ContentType.ConnInspectRequest)
  host.says(ContentType.ConnInspectResponse, [[HeaderId.ReplyFor, encodeUint32(inspect.sequence)], connId(1), [HeaderId.ConnType, encodeByte(connType)]], 'x')
  await settle()
  return inspect
}

describe('bind', () => {
  it('is connected, then inspected, then successful (protocol section 11.5)', async () => {
    const { clock, network, router, host } = await start()
    const bind = host.says(ContentType.Bind, [connId(1), ...modern, [HeaderId.Cost, encodeUint16(7)], [HeaderId.Precedence, encodeByte(1)]], 'Bind:echo')
    const connected = await host.hears(ContentType.StateConnected)
    expect(connected).toMatchObject({ connectionId: 1, replyFor: bind })
    expect(boolHeader(connected.headers, HeaderId.RouterProvidedConnId)).toBe(true)
    expect(network.terminators).toEqual([])
    clock.advance(3)
    const inspect = await answerInspect(host)
    expect(inspect.connectionId).toBe(1)
    expect(inspect.headers.size).toBe(1)
    expect(network.terminators).toMatchObject([{ serviceId: 'echo', routerId: 'r1', kind: 'sdk', cost: 7, precedence: 1 }])
    clock.advance(3)
    expect(await host.hears(ContentType.BindSuccess)).toMatchObject({ connectionId: 1, replyFor: undefined })
    expect(router.stats().binds).toBe(1)
  })

  it('that is withdrawn leaves no timer for the answer to its inspect', async () => {
    const { clock, host } = await start()
    const pending = clock.pending
    host.says(ContentType.Bind, [connId(1), ...modern], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    clock.advance(10)
    await host.hears(ContentType.ConnInspectRequest)
    expect(clock.pending).toBe(pending + 1)
    host.says(ContentType.Unbind, [connId(1)], 'Bind:echo')
    await settle()
    expect(clock.pending).toBe(pending)
  })

  it('gets neither inspect nor success if it did not ask', async () => {
    const { clock, host, network } = await start()
    host.says(ContentType.Bind, [connId(1)], 'Bind:echo')
    expect((await host.hears(ContentType.StateConnected)).headers.has(HeaderId.RouterProvidedConnId)).toBe(false)
    clock.advance(1000)
    await settle()
    expect(host.unheard).toEqual([])
    expect(network.terminators.length).toBe(1)
  })

  it.each([
    ['a token of nobody', 'rubbish', [], /^unable to get service token/],
    ['a dial token', 'Dial:echo', [], /^wrong session type/],
    ['a precedence of 3', 'Bind:echo', [[HeaderId.Precedence, encodeByte(3)] as const], /^invalid precedence/],
  ])('is refused with %s', async (_case, token, headers, text) => {
    const { host, network, clock } = await start()
    const bind = host.says(ContentType.Bind, [connId(1), ...headers], token)
    const closed = await host.hears(ContentType.StateClosed)
    expect(closed).toMatchObject({ connectionId: 1, replyFor: bind })
    expect(closed.text).toMatch(text)
    clock.advance(100)
    expect(network.terminators).toEqual([])
  })

  it('is refused on an id in use', async () => {
    const { host } = await start()
    host.says(ContentType.Bind, [connId(1)], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    host.says(ContentType.Bind, [connId(1)], 'Bind:echo')
    expect((await host.hears(ContentType.StateClosed)).text).toBe('sink id 1 already in use')
  })

  it('loses its terminator silently when the inspect is answered with another type', async () => {
    const { clock, host, network } = await start()
    host.says(ContentType.Bind, [connId(1), ...modern], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    clock.advance(3)
    await answerInspect(host, 1)
    clock.advance(3)
    await host.hears(ContentType.BindSuccess)
    clock.advance(60_000)
    await settle()
    expect(network.terminators).toEqual([])
    expect(host.unheard).toEqual([])
  })

  it('keeps its terminator without an answer, and is asked again after eleven seconds', async () => {
    const { clock, host, network } = await start()
    host.says(ContentType.Bind, [connId(1), ...modern], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    clock.advance(6)
    await host.hears(ContentType.ConnInspectRequest)
    await host.hears(ContentType.BindSuccess)
    clock.advance(11_000)
    await answerInspect(host)
    clock.advance(60_000)
    await settle()
    expect(host.unheard).toEqual([])
    expect(network.terminators.length).toBe(1)
  })

  it('takes the terminator of an older bind with its listener id, with the old cost', async () => {
    const { clock, network, router, host } = await start()
    host.says(ContentType.Bind, [connId(1), ...modern, listener('L'), [HeaderId.Cost, encodeUint16(5)]], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    clock.advance(3)
    await answerInspect(host)
    clock.advance(3)
    await host.hears(ContentType.BindSuccess)
    const [before] = network.terminators

    const second = await network.sdk(router, 'host')
    second.says(ContentType.Bind, [connId(9), ...modern, listener('L'), [HeaderId.Cost, encodeUint16(900)]], 'Bind:echo')
    await second.hears(ContentType.StateConnected)
    const closed = await host.hears(ContentType.StateClosed)
    expect(closed).toMatchObject({ connectionId: 1, replyFor: undefined, text: 'found a newer terminator for listener id' })
    expect(uint32Header(closed.headers, HeaderId.ErrorCode)).toBe(1)
    expect(JSON.parse(stringHeader(closed.headers, HeaderId.StructuredError)!)).toMatchObject({ code: 1, retryHint: 0 })
    clock.advance(3)
    await second.hears(ContentType.BindSuccess)
    clock.advance(3)
    await second.hears(ContentType.ConnInspectRequest)
    expect(network.terminators).toEqual([before])
    expect(before).toMatchObject({ cost: 5 })

    // The old channel may go: the terminator is not its own any more.
    host.leaves()
    await settle()
    const dialer = await network.sdk(router)
    dialer.says(ContentType.Connect, [connId(0)], 'Dial:echo')
    expect((await second.hears(ContentType.Dial)).connectionId).toBe(9)
  })

  it('of another identity is not replaced', async () => {
    const { network, router, host, clock } = await start()
    for (const sdk of [host, await network.sdk(router, 'bob')]) {
      sdk.says(ContentType.Bind, [connId(1), listener('L')], 'Bind:echo')
      await sdk.hears(ContentType.StateConnected)
    }
    clock.advance(10)
    expect(network.terminators.length).toBe(2)
    expect(host.unheard).toEqual([])
  })

  it('ignores UpdateBind once the token of the hello has expired, whatever UpdateToken brought', async () => {
    const { clock, network, router } = await start()
    network.setExpiry('alice-token', Date.now() + 60_000)
    network.setExpiry('alice-next', Date.now() + 600_000)
    const sdk = await network.sdk(router, 'alice')
    sdk.says(ContentType.Bind, [connId(1)], 'Bind:echo')
    await sdk.hears(ContentType.StateConnected)
    sdk.says(ContentType.UpdateToken, [], 'alice-next')
    await sdk.hears(ContentType.UpdateTokenSuccess)
    sdk.says(ContentType.UpdateBind, [connId(1), [HeaderId.Cost, encodeUint16(9)]], 'Bind:echo')
    await settle()
    clock.advance(60_000)
    sdk.says(ContentType.UpdateBind, [connId(1), [HeaderId.Cost, encodeUint16(10)]], 'Bind:echo')
    await settle()
    expect(network.terminators).toMatchObject([{ cost: 9 }])
    expect(router.stats()).toMatchObject({ ignored: { 'hello-token-expired': 1 } })
  })

  it('changes cost and precedence by UpdateBind, and ends by Unbind, without replies', async () => {
    const { clock, network, router, host } = await start()
    host.says(ContentType.Bind, [connId(1)], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    clock.advance(10)
    host.says(ContentType.UpdateBind, [connId(1), [HeaderId.Cost, encodeUint16(9)], [HeaderId.Precedence, encodeByte(2)]], 'Bind:echo')
    host.says(ContentType.HealthEvent, [connId(1), [HeaderId.HealthStatus, Uint8Array.of(0)]], 'Bind:echo')
    host.says(ContentType.UpdateBind, [connId(1), [HeaderId.Cost, encodeUint16(1)]], 'Bind:other')
    host.says(ContentType.Unbind, [connId(1)], 'Bind:other')
    await settle()
    expect(network.terminators).toMatchObject([{ cost: 9, precedence: 2 }])
    expect(router.stats()).toMatchObject({ healthEvents: 1, ignored: { 'wrong-token': 2 } })
    host.says(ContentType.Unbind, [connId(1)], 'Bind:echo')
    await settle()
    expect(network.terminators).toEqual([])
    expect(host.unheard).toEqual([])
    expect(router.stats().binds).toBe(0)
  })

  it('ends with StateClosed, or with its channel', async () => {
    const { clock, network, router, host } = await start()
    for (const id of [1, 2]) {
      host.says(ContentType.Bind, [connId(id)], 'Bind:echo')
      await host.hears(ContentType.StateConnected)
    }
    clock.advance(10)
    host.says(ContentType.StateClosed, [connId(1)])
    await settle()
    expect(network.terminators.length).toBe(1)
    router.dropChannels((session) => session?.identityName === 'host')
    expect(network.terminators).toEqual([])
  })

  it('is told to start over when its service session ends', async () => {
    const { clock, network, host } = await start()
    host.says(ContentType.Bind, [connId(1)], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    clock.advance(10)
    network.endServiceSession('api-host-Bind:echo')
    const closed = await host.hears(ContentType.StateClosed)
    expect(JSON.parse(stringHeader(closed.headers, HeaderId.StructuredError)!)).toMatchObject({ code: 3, retryHint: 2 })
    expect(network.terminators).toEqual([])
  })
})

describe('a host that chooses its own ids, as the C SDK 0.29.3 (section 11.6)', () => {
  it('is dialled without 1012 and gets StateConnected for its DialSuccess', async () => {
    const { clock, network, router, host } = await start()
    host.says(ContentType.Bind, [connId(1), [HeaderId.PublicKey, new Uint8Array(32).fill(9)]], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    clock.advance(10)
    const dialer = await network.sdk(router)
    dialer.says(ContentType.Connect, [connId(0)], 'Dial:echo')
    const dial = await host.hears(ContentType.Dial)
    expect(dial.headers.has(HeaderId.RouterProvidedConnId)).toBe(false)
    const success = host.says(ContentType.DialSuccess, [[HeaderId.ReplyFor, encodeUint32(dial.sequence)], connId(1)], encodeUint32(77))
    const confirmed = await host.hears(ContentType.StateConnected)
    expect(confirmed).toMatchObject({ connectionId: 1, replyFor: success })
    expect(uint32Header(confirmed.headers, HeaderId.Seq)).toBe(77)
    const connected = await dialer.hears(ContentType.StateConnected)
    expect(connected.headers.get(HeaderId.PublicKey)).toEqual(new Uint8Array(32).fill(9))
    host.data(77, 'from the C side')
    expect(await dialer.hears(ContentType.Data)).toMatchObject({ text: 'from the C side', connectionId: 0 })
    dialer.data(0, 'to the C side')
    expect(await host.hears(ContentType.Data)).toMatchObject({ connectionId: 77 })
  })

  it('is refused with an id in use', async () => {
    const { clock, network, router, host } = await start()
    host.says(ContentType.Bind, [connId(1)], 'Bind:echo')
    await host.hears(ContentType.StateConnected)
    clock.advance(10)
    const dialer = await network.sdk(router)
    dialer.says(ContentType.Connect, [connId(0)], 'Dial:echo')
    const dial = await host.hears(ContentType.Dial)
    host.says(ContentType.DialSuccess, [[HeaderId.ReplyFor, encodeUint32(dial.sequence)], connId(1)], encodeUint32(1))
    expect((await host.hears(ContentType.StateClosed)).text).toBe('sink id 1 already in use')
  })
})

describe('the choice of a terminator', () => {
  const bound = async (headers: Entry[][]) => {
    const { clock, network, router } = await start()
    const hosts = await Promise.all(headers.map(() => network.sdk(router, 'host')))
    for (const [index, host] of hosts.entries()) {
      host.says(ContentType.Bind, [connId(1), modern[0]!, ...headers[index]!], 'Bind:echo')
      await host.hears(ContentType.StateConnected)
    }
    clock.advance(10)
    const dialer = await network.sdk(router)
    let id = 0
    return async (instance?: string): Promise<number> => {
      dialer.says(ContentType.Connect, [connId(id += 1), ...(instance ? [[HeaderId.TerminatorIdentity, encodeString(instance)] as const] : [])], 'Dial:echo')
      await settle()
      const chosen = hosts.findIndex(({ unheard }) => unheard.length > 0)
      await hosts[chosen]?.accepts()
      await dialer.hears(ContentType.StateConnected)
      return chosen
    }
  }
  const cost = (value: number): Entry => [HeaderId.Cost, encodeUint16(value)]
  const precedence = (value: number): Entry => [HeaderId.Precedence, encodeByte(value)]
  const instance = (name: string): Entry => [HeaderId.TerminatorIdentity, encodeString(name)]

  it('goes by precedence, then by cost, then by circuits', async () => {
    const dial = await bound([[cost(1), precedence(2)], [cost(9)], [cost(3)], [cost(3)]])
    expect([await dial(), await dial(), await dial()]).toEqual([2, 3, 2])
    const required = await bound([[cost(1)], [cost(500), precedence(1)]])
    expect(await required()).toBe(1)
  })

  it('takes only the instance that was asked for, or those without a name', async () => {
    const dial = await bound([[instance('a')], [instance('b')], []])
    expect([await dial('b'), await dial('a'), await dial()]).toEqual([1, 0, 2])
  })
})
