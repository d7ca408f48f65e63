import { ContentType, encodeString, encodeUint32, HeaderId, stringHeader, uint32Header } from '@tunnel/edge/wire'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { connId, settle, type SdkPeer } from './testing/sdk-peer.ts'
import { createTestNetwork } from './testing/test-network.ts'

const provided = [HeaderId.RouterProvidedConnId, Uint8Array.of(1)] as const

/** A network with a host of `echo` that has bound with id 1. */
async function hosted(options: Parameters<typeof createTestNetwork>[0] = {}) {
  const clock = createVirtualClock()
  const network = createTestNetwork({ clock, ...options })
  const router = network.router()
  const host = await network.sdk(router, 'host')
  host.says(ContentType.Bind, [connId(1), provided], 'Bind:echo')
  await host.hears(ContentType.StateConnected)
  clock.advance(10)
  return { clock, network, router, host, dialer: await network.sdk(router) }
}

const refusal = async (dialer: SdkPeer) => {
  const closed = await dialer.hears(ContentType.StateClosed)
  expect(closed.headers.has(HeaderId.ErrorCode)).toBe(false)
  expect(closed.headers.has(HeaderId.StructuredError)).toBe(false)
  return closed
}

describe('connect', () => {
  it('tells the host who dials, and the dialer who answered (protocol sections 4.2 and 5.2)', async () => {
    const { host, dialer } = await hosted()
    const [dialKey, hostKey] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)]
    const connect = dialer.says(
      ContentType.Connect,
      [
        connId(0),
        [HeaderId.PublicKey, dialKey],
        [HeaderId.CallerId, encodeString('me')],
        [HeaderId.AppData, encodeString('{"dst_port":"80"}')],
        [HeaderId.ConnectionMarker, encodeString('marker')],
      ],
      'Dial:echo',
    )
    const dial = await host.hears(ContentType.Dial)
    expect(dial).toMatchObject({ connectionId: 1, text: 'Bind:echo' })
    expect(uint32Header(dial.headers, HeaderId.RouterProvidedConnId)).toBe(0x80000000)
    expect(dial.headers.get(HeaderId.PublicKey)).toEqual(dialKey)
    const said = [HeaderId.CallerId, HeaderId.AppData, HeaderId.ConnectionMarker, HeaderId.DialerIdentityId, HeaderId.DialerIdentityName]
    expect(said.map((id) => stringHeader(dial.headers, id))).toEqual(['me', '{"dst_port":"80"}', 'marker', 'id-alice', 'alice'])
    host.says(
      ContentType.DialSuccess,
      [[HeaderId.ReplyFor, encodeUint32(dial.sequence)], connId(1), [HeaderId.PublicKey, hostKey]],
      encodeUint32(0x80000000),
    )
    host.data(0x80000000, 'first words')
    const connected = await dialer.hears(ContentType.StateConnected)
    expect(connected).toMatchObject({ connectionId: 0, replyFor: connect, circuitId: dial.circuitId })
    expect(connected.headers.get(HeaderId.PublicKey)).toEqual(hostKey)
    expect(uint32Header(connected.headers, 1101)).toBe(1)
    expect(await dialer.hears(ContentType.Data)).toMatchObject({ connectionId: 0, text: 'first words' })
  })

  it('takes any id, also those of the router', async () => {
    const { host, dialer } = await hosted()
    dialer.says(ContentType.Connect, [connId(0xffffffff)], 'Dial:echo')
    await host.accepts()
    expect((await dialer.hears(ContentType.StateConnected)).connectionId).toBe(0xffffffff)
  })

  it('refuses a second use of an id, in the name of the one that lives', async () => {
    const { host, dialer } = await hosted()
    dialer.says(ContentType.Connect, [connId(4)], 'Dial:echo')
    const id = await host.accepts()
    await dialer.hears(ContentType.StateConnected)
    const again = dialer.says(ContentType.Connect, [connId(4)], 'Dial:echo')
    expect(await refusal(dialer)).toMatchObject({ connectionId: 4, replyFor: again, circuitId: undefined, text: 'sink id 4 already in use' })
    dialer.data(4, 'still here')
    expect(await host.hears(ContentType.Data)).toMatchObject({ connectionId: id, text: 'still here' })
  })

  it.each([
    ['a token of nobody', 'rubbish', 'unable to get service token: no such session'],
    ['a bind token', 'Bind:echo', 'wrong session type'],
    ['an encrypted service without a key', 'Dial:secret', 'encryption required on service, initiator did not send public header'],
    ['a service that is gone', 'Dial:gone', 'service with id gone not found'],
  ])('refuses %s by text alone', async (_case, token, text) => {
    const { dialer } = await hosted()
    const connect = dialer.says(ContentType.Connect, [connId(2)], token)
    const closed = await refusal(dialer)
    expect(closed).toMatchObject({ connectionId: 2, replyFor: connect, text })
    expect(closed.circuitId).toBeUndefined()
    dialer.says(ContentType.Connect, [connId(2), [HeaderId.TerminatorIdentity, encodeString('x')]], 'Dial:echo')
    expect(await refusal(dialer)).toMatchObject({ text: 'service echo has no terminators for instanceId x' })
  })

  it('refuses the service session of another login in the words for JWTs, when the login is by OIDC', async () => {
    const network = createTestNetwork()
    network.setExpiry('alice-token', Date.now() + 60_000)
    const dialer = await network.sdk(network.router(), 'alice')
    dialer.says(ContentType.Connect, [connId(2)], 'rubbish')
    expect((await refusal(dialer)).text).toMatch(/^failed to create service token from JWT/)
  })

  it('says that there are no terminators', async () => {
    const network = createTestNetwork()
    const dialer = await network.sdk(network.router())
    dialer.says(ContentType.Connect, [connId(2)], 'Dial:echo')
    const closed = await refusal(dialer)
    expect(closed.text).toBe('service echo has no terminators')
    expect(closed.circuitId).toMatch(/^\w{9}$/)
  })

  it('tries a host that refuses twice, with one circuit id and two connection ids (section 11.1)', async () => {
    const { host, dialer } = await hosted()
    dialer.says(ContentType.Connect, [connId(2)], 'Dial:echo')
    const dials = []
    for (const words of ['go away', 'I said go away']) {
      const dial = await host.hears(ContentType.Dial)
      dials.push(dial)
      host.says(ContentType.DialFailed, [[HeaderId.ReplyFor, encodeUint32(dial.sequence)], connId(1)], words)
    }
    const closed = await refusal(dialer)
    expect(closed.text).toBe(`exceeded maximum [2] retries creating circuit [c/${closed.circuitId}] (I said go away)`)
    expect(dials.map(({ circuitId }) => circuitId)).toEqual([closed.circuitId, closed.circuitId])
    expect(dials.map(({ headers }) => uint32Header(headers, HeaderId.RouterProvidedConnId))).toEqual([0x80000000, 0x80000001])
  })

  it('gives a silent host five seconds, twice; a late answer gets nothing', async () => {
    const { clock, host, dialer, router } = await hosted()
    dialer.says(ContentType.Connect, [connId(2)], 'Dial:echo')
    const dial = await host.hears(ContentType.Dial)
    clock.advance(5000)
    await host.hears(ContentType.Dial)
    clock.advance(4999)
    await settle()
    expect(dialer.unheard).toEqual([])
    clock.advance(1)
    expect((await refusal(dialer)).text).toMatch(/^exceeded maximum \[2\] retries .*timeout/)
    host.says(ContentType.DialSuccess, [[HeaderId.ReplyFor, encodeUint32(dial.sequence)], connId(1)], encodeUint32(0x80000000))
    await settle()
    expect(host.unheard).toEqual([])
    expect(router.stats().ignored).toEqual({ 'unmatched-reply': 1 })
  })

  it('closes the host when the dialer has gone before the answer', async () => {
    const { host, dialer } = await hosted()
    dialer.says(ContentType.Connect, [connId(2)], 'Dial:echo')
    dialer.says(ContentType.StateClosed, [connId(2)])
    await settle()
    const id = await host.accepts()
    expect((await host.hears(ContentType.StateClosed)).connectionId).toBe(id)
    await settle()
    expect(dialer.unheard).toEqual([])
  })

  it('fails at once when the host goes while it is asked', async () => {
    const { host, dialer } = await hosted()
    dialer.says(ContentType.Connect, [connId(2)], 'Dial:echo')
    await host.hears(ContentType.Dial)
    host.leaves()
    expect((await refusal(dialer)).text).toBe('service echo has no terminators')
  })

  it('refuses an encrypted service whose host has no key', async () => {
    const { network, clock, router, dialer } = await hosted()
    const host = await network.sdk(router, 'host')
    host.says(ContentType.Bind, [connId(1), provided], 'Bind:secret')
    await host.hears(ContentType.StateConnected)
    clock.advance(10)
    dialer.says(ContentType.Connect, [connId(2), [HeaderId.PublicKey, new Uint8Array(32)]], 'Dial:secret')
    await host.accepts()
    await host.hears(ContentType.StateClosed)
    expect((await refusal(dialer)).text).toMatch(/^encryption required on service, terminator/)
  })

  it('loses or refuses what the test wants', async () => {
    const { network, clock, host } = await hosted({ faults: { refuseConnect: () => 'because' } })
    const dialer = await network.sdk(network.router('r2', { clock, faults: { refuseConnect: () => 'because' } }))
    dialer.says(ContentType.Connect, [connId(2)], 'Dial:echo')
    expect((await refusal(dialer)).text).toBe('because')
    const deaf = await network.sdk(network.router('r3', { clock, faults: { dropOutgoing: (type) => type === ContentType.StateConnected } }))
    deaf.says(ContentType.Connect, [connId(2)], 'Dial:echo')
    await host.accepts()
    await settle()
    expect(deaf.unheard).toEqual([])
  })
})
