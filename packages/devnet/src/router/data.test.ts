import { ContentType, DataFlag, encodeFrame, HeaderId, uint32Header } from '@tunnel/edge/wire'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { connId, flags, settle, type SdkPeer } from './testing/sdk-peer.ts'
import { createTestNetwork } from './testing/test-network.ts'

const kib = 1024
const emptyData = encodeFrame({ contentType: ContentType.Data, sequence: 1, headers: [connId(1)] })

/** A host of `echo` on its own channel, a dialer, and one circuit: id 1 at the dialer, `hostId` at the host. */
async function circuit(windowBytes = 256 * kib) {
  const clock = createVirtualClock()
  const network = createTestNetwork({ clock, windowBytes })
  const router = network.router()
  const host = await network.sdk(router, 'host')
  host.says(ContentType.Bind, [connId(1), [HeaderId.RouterProvidedConnId, Uint8Array.of(1)]], 'Bind:echo')
  await host.hears(ContentType.StateConnected)
  clock.advance(10)
  const dialer = await network.sdk(router)
  const dial = async (id: number, from = dialer): Promise<number> => {
    from.says(ContentType.Connect, [connId(id)], 'Dial:echo')
    const hostId = await host.accepts()
    await from.hears(ContentType.StateConnected)
    return hostId
  }
  return { clock, network, router, host, dialer, dial, hostId: await dial(1) }
}

/** Writes until the router has stopped reading. Returns how much it took. */
async function fill(peer: SdkPeer, id: number, messageBytes = 16 * kib, most = 8 * kib * kib): Promise<number> {
  let written = 0
  while (peer.stream.writableLength < 64 * kib && written < most) {
    peer.data(id, new Uint8Array(messageBytes))
    written += messageBytes
    await settle()
  }
  return written
}

describe('data', () => {
  it('goes both ways with its flags, as it was cut (protocol section 4.5)', async () => {
    const { host, dialer, hostId } = await circuit()
    dialer.data(1, 'hello', DataFlag.Multipart)
    dialer.data(1, 'again')
    dialer.data(1, '', DataFlag.Fin)
    const [first, second, fin] = [await host.hears(ContentType.Data), await host.hears(ContentType.Data), await host.hears(ContentType.Data)]
    expect([first, second, fin].map(({ text, connectionId }) => [text, connectionId])).toEqual([['hello', hostId], ['again', hostId], ['', hostId]])
    expect([first, second, fin].map(({ headers }) => uint32Header(headers, HeaderId.Flags))).toEqual([4, undefined, 1])
    host.data(hostId, 'an answer', DataFlag.Fin)
    expect(await dialer.hears(ContentType.Data)).toMatchObject({ text: 'an answer', connectionId: 1 })
  })

  it('carries the trace id where its flag says so', async () => {
    const { host, dialer } = await circuit()
    const uuid = new Uint8Array(16).fill(3)
    dialer.says(ContentType.Data, [connId(1), flags(DataFlag.TraceUuid), [HeaderId.Uuid, uuid]], 'x')
    expect((await host.hears(ContentType.Data)).headers.get(HeaderId.Uuid)).toEqual(uuid)
  })

  it('may be of any size', async () => {
    const { host, dialer, hostId } = await circuit(8 * kib * kib)
    const body = Uint8Array.from({ length: 3 * kib * kib }, (_, index) => index % 251)
    dialer.data(1, body)
    expect(Buffer.compare((await host.hears(ContentType.Data)).body, body)).toBe(0)
    host.data(hostId, body)
    expect(Buffer.compare((await dialer.hears(ContentType.Data)).body, body)).toBe(0)
  })

  it('is followed by no StateClosed after both FINs', async () => {
    const { clock, host, dialer, hostId, router } = await circuit()
    dialer.data(1, '', DataFlag.Fin)
    host.data(hostId, '', DataFlag.Fin)
    await host.hears(ContentType.Data)
    await dialer.hears(ContentType.Data)
    clock.advance(600_000)
    await settle()
    expect([...host.unheard, ...dialer.unheard]).toEqual([])
    expect(router.stats().circuits).toBe(1)
  })

  it('comes before the StateClosed that was sent behind it', async () => {
    const { host, dialer, hostId, router } = await circuit()
    host.stream.pause()
    for (let count = 0; count < 40; count += 1) dialer.data(1, new Uint8Array(8 * kib))
    dialer.says(ContentType.StateClosed, [connId(1)], 'bye')
    await settle()
    host.stream.resume()
    await host.hearsBytes(hostId, 40 * 8 * kib)
    expect(await host.hears(ContentType.StateClosed)).toMatchObject({ connectionId: hostId, replyFor: undefined })
    await settle()
    expect(dialer.unheard).toEqual([])
    expect(router.stats()).toMatchObject({ circuits: 0, bufferedBytes: 0 })
  })

  it('of a closed connection is ignored, and its id is free', async () => {
    const { host, dialer, hostId, dial } = await circuit()
    host.says(ContentType.StateClosed, [connId(hostId)])
    await dialer.hears(ContentType.StateClosed)
    host.data(hostId, 'too late')
    dialer.data(1, 'too late')
    await dial(1)
  })

  it('ends with the channel of either side', async () => {
    const { dialer, host, router } = await circuit()
    host.leaves()
    expect((await dialer.hears(ContentType.StateClosed)).connectionId).toBe(1)
    expect(router.stats()).toMatchObject({ circuits: 0, binds: 0 })
  })

  it('ends when its service session does', async () => {
    const { network, dialer, host, hostId } = await circuit()
    network.endServiceSession('api-alice-Dial:echo')
    expect((await dialer.hears(ContentType.StateClosed)).connectionId).toBe(1)
    expect((await host.hears(ContentType.StateClosed)).connectionId).toBe(hostId)
  })
})

describe('a receiver that does not read', () => {
  it('stops the whole channel of the sender, latency probes too, and no other (section 11.3)', async () => {
    const { network, dialer, host, router, dial, hostId } = await circuit(256 * kib)
    const bystander = await network.sdk(router, 'bob')
    host.stream.pause()
    const taken = await fill(dialer, 1)
    expect(router.stats().blockedChannels).toBe(1)
    const probe = dialer.says(ContentType.Latency)
    bystander.says(ContentType.Latency)
    await bystander.hears(ContentType.Result)
    await settle()
    expect(dialer.unheard).toEqual([])

    host.stream.resume()
    await host.hearsBytes(hostId, taken)
    expect((await dialer.hears(ContentType.Result)).replyFor).toBe(probe)
    expect(router.stats()).toMatchObject({ blockedChannels: 0, bufferedBytes: 0 })
    await dial(2)
  })

  it('costs a window and four messages, not more', async () => {
    const { dialer, host, router } = await circuit(256 * kib)
    host.stream.pause()
    await fill(dialer, 1)
    const { peakBufferedBytes } = router.stats()
    expect(peakBufferedBytes).toBeGreaterThan(256 * kib)
    // One read of 64 KiB may still be on its way when the last of four messages stops the channel.
    expect(peakBufferedBytes).toBeLessThan(256 * kib + 4 * 16.1 * kib + 64 * kib)
  })

  it('is not cheated with empty messages', async () => {
    const { dialer, host, router } = await circuit(64 * kib)
    host.stream.pause()
    await fill(dialer, 1, 16 * kib, 256 * kib)
    dialer.stream.write(Buffer.concat(Array.from({ length: 30_000 }, () => emptyData)))
    await settle()
    expect(router.stats().blockedChannels).toBe(1)
    expect(router.stats().peakBufferedBytes).toBeLessThan(64 * kib + 4 * 16.1 * kib + 2048 * 64)
  })

  it('lets the others go when it closes', async () => {
    const { dialer, host, dial, hostId, router } = await circuit(64 * kib)
    host.stream.pause()
    await fill(dialer, 1)
    host.stream.resume()
    host.says(ContentType.StateClosed, [connId(hostId)])
    await dialer.hears(ContentType.StateClosed)
    host.stream.pause()
    host.stream.resume()
    await settle()
    expect(router.stats()).toMatchObject({ blockedChannels: 0, bufferedBytes: 0 })
    while (host.unheard[0]?.contentType === ContentType.Data) await host.hears(ContentType.Data)
    await dial(2)
  })

  it('keeps what was sent before a close for thirty seconds', async () => {
    const { clock, dialer, host, router } = await circuit(1024 * kib)
    host.stream.pause()
    await fill(dialer, 1, 16 * kib, 900 * kib)
    dialer.says(ContentType.StateClosed, [connId(1)])
    await settle()
    expect(router.stats().bufferedBytes).toBeGreaterThan(0)
    clock.advance(30_000)
    expect(router.stats().bufferedBytes).toBe(0)
  })

  it('shares a channel fairly when it reads again', async () => {
    const { dialer, host, dial, hostId, network, router } = await circuit(512 * kib)
    const other = await network.sdk(router, 'bob')
    const otherId = await dial(1, other)
    host.stream.pause()
    await fill(dialer, 1, 16 * kib, 700 * kib)
    await fill(other, 1, 16 * kib, 160 * kib)
    other.data(1, 'the end')
    await settle()
    host.stream.resume()
    let ahead = 0
    for (;;) {
      const said = await host.hears(ContentType.Data)
      if (said.connectionId === hostId) ahead += 1
      if (said.connectionId === otherId && said.text === 'the end') break
    }
    // What was in the channel already, and then turn by turn.
    expect(ahead).toBeLessThan(42)
  })
})

describe('an SDK that does not read', () => {
  it('is not read either when it asks for more and more replies', async () => {
    const { network, router } = await circuit()
    const rude = await network.sdk(router, 'bob')
    rude.stream.pause()
    const probe = encodeFrame({ contentType: ContentType.Latency, sequence: 1, headers: [[HeaderId.Uuid, new Uint8Array(200)]] })
    const probes = Buffer.concat(Array.from({ length: 100 }, () => probe))
    let asked = 0
    while (rude.stream.writableLength < 64 * kib && asked < 100_000) {
      rude.stream.write(probes)
      asked += 100
      await settle()
    }
    // A megabyte of replies, and what the streams hold.
    expect(asked).toBeLessThan(6000)
    rude.stream.resume()
    for (let heard = 0; heard < asked; heard += 1) await rude.hears(ContentType.Result)
  })
})
