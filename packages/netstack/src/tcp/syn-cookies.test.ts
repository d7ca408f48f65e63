import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IpOutput } from '../ip/ip-output.ts'
import { createMemoryPipe } from '../device/memory-pipe.ts'
import { createSeededRandom } from '../device/random.ts'
import { createNetstack, type Netstack } from '../stack.ts'
import { address } from '../testing/build-packet.ts'
import { readI32 } from '../wire/big-endian.ts'
import { noTcpOptions, type TcpOptions } from '../wire/tcp-options.ts'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import { CookieHandshake } from './cookie-handshake.ts'
import { FlowFactory } from './flow-factory.ts'
import { seqAdd, toSeq, type Seq } from './seq.ts'
import { SynCookies } from './syn-cookies.ts'
import { tcpSettings, type TcpSettings } from './tcp-settings.ts'

const pair = { local: address('10.0.0.2'), localPort: 80, remote: address('10.0.0.1'), remotePort: 5000 }
const peerInitial = toSeq(0xffff_ffff)
const segment = (flags: number, seq: Seq, ack: Seq, options: TcpOptions): Segment => ({ sourcePort: 5000, destinationPort: 80, seq, ack, flags, window: 1000, options, payload: new Uint8Array(0) })
const synWith = (options: Partial<TcpOptions>): Segment => segment(tcpFlag.syn, peerInitial, toSeq(0), { ...noTcpOptions, ...options })
/** What the peer says to an answer with `cookie`, whose timestamp it echoes. */
const ackOf = (cookie: Seq, echo?: number): Segment => segment(tcpFlag.ack, seqAdd(peerInitial, 1), seqAdd(cookie, 1), { ...noTcpOptions, timestamp: echo === undefined ? undefined : { value: 9, echo } })

describe('a SYN cookie', () => {
  const cookies = new SynCookies(createSeededRandom(3))
  const now = 1_000_000

  it('is looked for only where one was made', () => {
    expect(cookies.recall(pair, ackOf(toSeq(5)), now)).toBeUndefined()
  })

  it('remembers the largest of its sizes that the peer takes', () => {
    for (const [mss, remembered] of [[1460, 1460], [1459, 1440], [65_495, 8940], [536, 536], [100, 0], [undefined, 536]] as const) {
      expect(cookies.recall(pair, ackOf(cookies.make(pair, synWith({ mss }), now)), now)?.mss).toBe(remembered)
    }
  })

  it('remembers window scale and SACK in the timestamp, which does not run ahead, and nothing of them without one', () => {
    fc.assert(
      fc.property(fc.integer(), fc.option(fc.integer({ min: 0, max: 14 }), { nil: undefined }), fc.boolean(), (value, windowScale, sackPermitted) => {
        const offered = { mss: 1460, windowScale, sackPermitted, sack: [], timestamp: { value: 1, echo: 0 } }
        const stamped = SynCookies.stamp(value, offered)
        expect((value - stamped) | 0).toBeGreaterThanOrEqual(0)
        expect((value - stamped) | 0).toBeLessThan(64)
        expect(cookies.recall(pair, ackOf(cookies.make(pair, synWith(offered), now), stamped), now)).toMatchObject({ windowScale, sackPermitted })
      }),
    )
    const bare = { mss: 1460, windowScale: 7, sackPermitted: true, sack: [], timestamp: undefined }
    expect(SynCookies.memorable(bare)).toMatchObject({ mss: 1460, windowScale: undefined, sackPermitted: false })
    expect(cookies.recall(pair, ackOf(cookies.make(pair, synWith(bare), now)), now)).toMatchObject({ windowScale: undefined, sackPermitted: false })
  })

  it('holds for its pair, its number and two minutes, and no other number does', () => {
    const cookie = cookies.make(pair, synWith({}), now)
    const acked = ackOf(cookie)
    expect(cookies.recall(pair, acked, now + 64_000)).toBeDefined()
    expect(cookies.recall(pair, acked, now + 128_001)).toBeUndefined()
    expect(cookies.recall({ ...pair, remotePort: 5001 }, acked, now)).toBeUndefined()
    expect(cookies.recall({ ...pair, remote: address('10.0.0.3') }, acked, now)).toBeUndefined()
    expect(cookies.recall(pair, { ...acked, seq: seqAdd(acked.seq, 1) }, now)).toBeUndefined()
    const random = createSeededRandom(4)
    const guessed = Array.from({ length: 10_000 }, () => ackOf(toSeq(Math.floor(random() * 2 ** 32)))).filter((guess) => cookies.recall(pair, guess, now))
    expect(guessed).toEqual([])
  })
})

describe('a handshake by cookie', () => {
  it('is done by an ACK, not by a SYN with one, which would leave a half-open connection that nobody counts', () => {
    const random = createSeededRandom(5)
    const output = { scratch: new Uint8Array(200), transportAt: 60, mtuTo: () => 1500, send: () => true } as unknown as IpOutput
    const device = { mtu: 1500, offload: { checksum: false, segmentationBytes: 0 } }
    const factory = new FlowFactory({ device, output, settings: tcpSettings(), owner: { schedule() {}, handlerFailed() {} }, random })
    const handshake = new CookieHandshake(factory, output, random)
    handshake.answer(pair, synWith({}), 1_000)
    const acked = ackOf(readI32(output.scratch, output.transportAt + 4) as Seq)
    expect(handshake.recall(pair, { ...acked, flags: tcpFlag.ack | tcpFlag.syn }, 1_010)).toBeUndefined()
    expect(handshake.recall(pair, acked, 1_010)).toBeDefined()
  })
})

describe('a stack that keeps no half-open connections', () => {
  const stacks = (settings: Partial<TcpSettings>): { client: Netstack; server: Netstack } => {
    const [left, right] = createMemoryPipe()
    return { client: createNetstack({ device: left, addresses: ['10.0.0.1'], tcp: settings }), server: createNetstack({ device: right, addresses: ['10.0.0.2'], tcp: { maxHalfOpen: 0 } }) }
  }

  it.each([
    ['all options', {}],
    ['no timestamps', { timestamps: false }],
    ['no window scale', { windowScaling: false }],
    ['no SACK', { sack: false }],
  ])('makes connections all the same, with %s', async (_, settings) => {
    const { client, server } = stacks(settings)
    let halfOpen = 0
    server.listen({ port: 80 }, (flow) => flow.attach({ data: (chunk, hold) => void flow.send(chunk, hold()), end: () => flow.end(), drain() {}, close() {} }))
    const opening = client.connect({ address: '10.0.0.2', port: 80 })
    for (let turn = 0; turn < 10; turn += 1) {
      await Promise.resolve()
      halfOpen = Math.max(halfOpen, server.stats.halfOpen)
    }
    const flow = await opening
    let received = 0
    const closed = new Promise<unknown>((resolve) => flow.attach({ data: (chunk) => void (received += chunk.length), end() {}, drain() {}, close: resolve }))
    flow.send(new Uint8Array(200_000))
    flow.end()
    expect(await closed).toBeUndefined()
    expect([received, halfOpen]).toEqual([200_000, 0])
    await Promise.all([client.close(), server.close()])
  })

  it('resets who brings no cookie', async () => {
    const { client, server } = stacks({})
    await expect(client.connect({ address: '10.0.0.2', port: 81 })).rejects.toMatchObject({ code: 'flow.connect-refused' })
    await Promise.all([client.close(), server.close()])
  })
})
