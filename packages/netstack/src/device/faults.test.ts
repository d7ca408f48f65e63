import type { PacketDevice } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { withFaults, type Faults } from './faults.ts'
import { createSeededRandom } from './random.ts'

interface Sent {
  readonly at: number
  readonly bytes: Uint8Array
}

/** Sends `count` packets, one each millisecond, and says what came out when. */
function run(faults: Faults, count: number, { seed = 1, size = 4, each = 1 } = {}): { sent: Sent[]; refused: number; device: PacketDevice } {
  const clock = createVirtualClock()
  const sent: Sent[] = []
  const inner: PacketDevice = {
    name: 'inner', mtu: 1500, offload: { checksum: true, segmentationBytes: 0 },
    start: () => {},
    transmit: (parts) => sent.push({ at: clock.now(), bytes: Uint8Array.from(parts.flatMap((part) => [...part])) }) > 0,
    close: async () => {},
  }
  const device = withFaults(inner, faults, { clock, random: createSeededRandom(seed) })
  let refused = 0
  for (let number = 0; number < count; number += 1) {
    const packet = new Uint8Array(size)
    new DataView(packet.buffer).setUint32(0, number)
    if (!device.transmit([packet.subarray(0, 2), packet.subarray(2)])) refused += 1
    clock.advance(each)
  }
  clock.advance(100_000)
  return { sent, refused, device }
}
const numberOf = ({ bytes }: Sent): number => new DataView(bytes.buffer).getUint32(0)

describe('withFaults', () => {
  it('without faults changes nothing', () => {
    const { sent, device } = run({}, 100)
    expect(sent.map(numberOf)).toEqual(Array.from({ length: 100 }, (_, number) => number))
    expect(sent.map(({ at }) => at)).toEqual(sent.map(numberOf))
    expect(device.offload.checksum).toBe(true)
  })

  it('loses, duplicates and corrupts as often as it was told, the same for the same seed', () => {
    expect(run({ loss: 0.1 }, 10_000).sent.length / 10_000).toBeCloseTo(0.9, 1)
    expect(run({ duplicate: 0.05 }, 10_000).sent.length / 10_000).toBeCloseTo(1.05, 1)
    const { sent, device } = run({ corrupt: 0.2 }, 5000, { size: 64 })
    const bits = sent.map(({ bytes }, number) => {
      const clean = new Uint8Array(64)
      new DataView(clean.buffer).setUint32(0, number)
      return bytes.reduce((sum, byte, at) => sum + (byte ^ clean[at]!).toString(2).replaceAll('0', '').length, 0)
    })
    expect(bits.every((count) => count <= 1)).toBe(true)
    expect(bits.filter((count) => count === 1).length / 5000).toBeCloseTo(0.2, 1)
    // Nobody may trust sums after this wire.
    expect(device.offload.checksum).toBe(false)
    const all = { loss: 0.1, duplicate: 0.1, corrupt: 0.1, delay: 5, jitter: 20, reorder: 0.2 }
    expect(run(all, 500).sent).toEqual(run(all, 500).sent)
    expect(run(all, 500).sent).not.toEqual(run(all, 500, { seed: 2 }).sent)
  })

  it('delays; jitter alone keeps the order, reordering does not', () => {
    const { sent } = run({ delay: 50, jitter: 30 }, 200)
    expect(sent.map(numberOf)).toEqual(Array.from({ length: 200 }, (_, number) => number))
    expect(sent.every((packet) => packet.at - numberOf(packet) >= 50 && packet.at - numberOf(packet) <= 80)).toBe(true)
    const mixed = run({ delay: 50, reorder: 0.25, reorderBy: 10 }, 1000).sent
    const late = mixed.filter((packet) => packet.at - numberOf(packet) === 60)
    expect(late.length / 1000).toBeCloseTo(0.25, 1)
    expect(mixed.length).toBe(1000)
    expect(mixed.map(numberOf)).not.toEqual(mixed.map(numberOf).toSorted((left, right) => left - right))
  })

  it('has a rate, and a queue before it that can be full', () => {
    const { sent, refused } = run({ bytesPerSecond: 100_000, queueBytes: 10_000 }, 100, { size: 1000, each: 0 })
    expect([sent.length, refused]).toEqual([11, 89])
    expect(sent.map(({ at }) => at)).toEqual(Array.from({ length: 11 }, (_, index) => (index + 1) * 10))
  })

  it('works on what is received where it is told to', () => {
    const clock = createVirtualClock()
    let receive: (packets: readonly Uint8Array[]) => void = () => {}
    const inner: PacketDevice = { name: 'inner', mtu: 1500, offload: { checksum: false, segmentationBytes: 0 }, start: (to) => (receive = to), transmit: () => true, close: async () => {} }
    const got: number[] = []
    withFaults(inner, { delay: 5 }, { clock, random: createSeededRandom(1), ways: 'receive' }).start((packets) => got.push(...packets.map(([first]) => first!)))
    const borrowed = Uint8Array.of(1)
    receive([borrowed, Uint8Array.of(2)])
    borrowed[0] = 9
    expect(got).toEqual([])
    clock.advance(5)
    expect(got).toEqual([1, 2])
  })

  it('delivers nothing after close', async () => {
    const clock = createVirtualClock()
    let sent = 0
    const inner: PacketDevice = { name: 'inner', mtu: 1500, offload: { checksum: false, segmentationBytes: 0 }, start: () => {}, transmit: () => (sent += 1) > 0, close: async () => {} }
    const device = withFaults(inner, { delay: 5 }, { clock, random: createSeededRandom(1) })
    device.transmit([Uint8Array.of(1)])
    await device.close()
    clock.advance(10)
    expect(sent).toBe(0)
  })
})
