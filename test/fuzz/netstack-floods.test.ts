import type { PacketDevice, TcpRequest } from '@tunnel/flow'
import { createVirtualClock, type VirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { withFaults } from '../../packages/netstack/src/device/faults.ts'
import { createMemoryPipe } from '../../packages/netstack/src/device/memory-pipe.ts'
import { createSeededRandom } from '../../packages/netstack/src/device/random.ts'
import { createNetstack, type Netstack } from '../../packages/netstack/src/stack.ts'
import { toSeq } from '../../packages/netstack/src/tcp/seq.ts'
import { buildPacket } from '../../packages/netstack/src/testing/build-packet.ts'
import { encodeSegmentHeader, tcpFlag } from '../../packages/netstack/src/wire/tcp-segment.ts'
import { scaled } from '../support/scale.ts'
import { usedMebibytes } from './support/heap.ts'
import { createRandom, fuzzSeed, type Random } from './support/random.ts'

const victim = '10.0.0.2'
const friend = '10.0.0.1'
const perMillisecond = 100
const boundMebibytes = 32

/** A SYN as Linux writes it, whose source, ports and number are filled in for each. The device vouches for sums. */
function createFlood(random: Random): (count: number) => Uint8Array[] {
  const segment = new Uint8Array(60)
  const options = { mss: 1460, windowScale: 7, sackPermitted: true, sack: [], timestamp: { value: 1, echo: 0 } }
  const length = encodeSegmentHeader({ sourcePort: 1, destinationPort: 80, seq: toSeq(0), ack: toSeq(0), flags: tcpFlag.syn, window: 64_240, options }, segment)
  const packets = Array.from({ length: perMillisecond }, () => buildPacket({ from: '172.16.0.1', to: victim, protocol: 6 }, segment.subarray(0, length)))
  return (count) =>
    packets.slice(0, count).map((packet) => {
      const view = new DataView(packet.buffer)
      view.setUint32(12, 0xac10_0000 + Math.floor(random() * 2 ** 20))
      view.setUint16(20, 1024 + Math.floor(random() * 60_000))
      view.setUint32(24, Math.floor(random() * 2 ** 32))
      return packet
    })
}

interface Scene {
  readonly clock: VirtualClock
  readonly stack: Netstack
  readonly client: Netstack
  /** Hands the stack so many SYNs from nowhere. */
  flood(count: number): void
  readonly answers: () => number
}

/** A stack, a client `roundTrip` away, and somebody who sends SYNs in the name of others. */
function createScene(roundTrip: number): Scene {
  const clock = createVirtualClock()
  const random = createRandom(fuzzSeed)
  const [left, right] = createMemoryPipe({ offload: { checksum: true, segmentationBytes: 0 } })
  let receive: (packets: readonly Uint8Array[], verified?: boolean) => void = () => {}
  let answers = 0
  const device: PacketDevice = {
    ...right,
    mtu: right.mtu,
    offload: right.offload,
    start: (take) => right.start((receive = take)),
    transmit(parts) {
      // Answers to those who never asked go nowhere.
      if (parts[0]?.[16] === 10) return right.transmit(parts)
      answers += 1
      return true
    },
    close: () => right.close(),
  }
  const far = withFaults(left, { delay: roundTrip / 2 }, { clock, random: createSeededRandom(1), ways: 'both' })
  const stack = createNetstack({ device, addresses: [victim], clock, random: createSeededRandom(2) })
  const client = createNetstack({ device: far, addresses: [friend], clock, random: createSeededRandom(3) })
  const syns = createFlood(random)
  return { clock, stack, client, flood: (count) => receive(syns(count), true), answers: () => answers }
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve()
}

interface Good {
  completed: number
  readonly setups: number[]
  readonly failures: unknown[]
}

/** Connects, sends, hears the same, and ends. */
async function converse({ client, clock }: Scene, good: Good): Promise<void> {
  const asked = clock.now()
  try {
    const flow = await client.connect({ address: victim, port: 80 })
    good.setups.push(clock.now() - asked)
    let heard = 0
    flow.attach({ data: (chunk) => (heard += chunk.length) === 1000 && flow.end(), end() {}, drain() {}, close: (error) => (error ? good.failures.push(error) : (good.completed += 1)) })
    flow.send(new Uint8Array(1000))
  } catch (error) {
    good.failures.push(error)
  }
}

const echo: Parameters<Netstack['listen']>[1] = (flow) => flow.attach({ data: (chunk, hold) => flow.send(chunk, hold()), end: () => flow.end(), drain() {}, close() {} })

/** `seconds` of 100,000 SYNs each, and `count` connections that are meant, evenly among them. */
async function underFlood(scene: Scene, seconds: number, count: number, each: () => void = () => {}): Promise<{ good: Good; grown: number; microseconds: number }> {
  const good: Good = { completed: 0, setups: [], failures: [] }
  const before = await usedMebibytes()
  let grown = 0
  const started = performance.now()
  for (let millisecond = 0, opened = 0; millisecond < seconds * 1000 || (good.completed + good.failures.length < count && millisecond < seconds * 1000 + 30_000); millisecond += 1) {
    if (opened < count && opened * seconds * 1000 <= millisecond * count) {
      opened += 1
      void converse(scene, good)
    }
    if (millisecond < seconds * 1000) scene.flood(perMillisecond)
    scene.clock.advance(1)
    each()
    await settle()
    if (millisecond % 1000 === 999) grown = Math.max(grown, (await usedMebibytes()) - before)
  }
  return { good, grown, microseconds: ((performance.now() - started) * 1000) / (seconds * 1000 * perMillisecond) }
}

function report(name: string, { good, grown, microseconds }: Awaited<ReturnType<typeof underFlood>>): void {
  const setups = good.setups.toSorted((left, right) => left - right)
  const at = (part: number): string => (setups[Math.floor(setups.length * part)] ?? Number.NaN).toFixed(0)
  console.log(`${name}: ${good.completed} good connections, setup p50 ${at(0.5)} ms, p99 ${at(0.99)} ms of virtual time; ${grown.toFixed(1)} MiB more; ${microseconds.toFixed(1)} µs of this machine for each SYN`)
}

describe('100,000 SYNs a second from everywhere', () => {
  const seconds = scaled(60, 1)
  const count = scaled(1000, 50)

  it.each([
    [20, seconds],
    [200, scaled(10, 1)],
  ])('to a listener: connections that are meant are made, %i ms away, and memory is bounded', { timeout: 600_000 }, async (roundTrip, seconds) => {
    const scene = createScene(roundTrip)
    scene.stack.listen({ port: 80 }, echo)
    const result = await underFlood(scene, seconds, count)
    report(`listener, ${roundTrip} ms`, result)
    expect(result.good).toMatchObject({ completed: count, failures: [] })
    expect(result.grown).toBeLessThan(boundMebibytes)
    expect(scene.answers()).toBeGreaterThan(0)
    await Promise.all([scene.stack.close(), scene.client.close()])
  })

  it('to a program that accepts when it has dialled: connections that are meant are made, and memory is bounded', { timeout: 600_000 }, async () => {
    const scene = createScene(20)
    const dialled: TcpRequest[][] = []
    let asked: TcpRequest[] = []
    scene.stack.onConnect((request) => asked.push(request))
    const result = await underFlood(scene, seconds, count, () => {
      dialled.push(asked)
      asked = []
      // Each dial takes twenty milliseconds.
      if (dialled.length > 20) for (const request of dialled.shift() ?? []) echo(request.accept())
    })
    report('requests', result)
    expect(result.good).toMatchObject({ completed: count, failures: [] })
    expect(result.grown).toBeLessThan(boundMebibytes)
    await Promise.all([scene.stack.close(), scene.client.close()])
  })
})
