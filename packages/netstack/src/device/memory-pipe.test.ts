import { describe, expect, it } from 'vitest'
import { createMemoryPipe } from './memory-pipe.ts'

const copy = (packets: readonly Uint8Array[]): number[][] => packets.map((packet) => [...packet])

describe('createMemoryPipe', () => {
  it('carries packets both ways, in order, later', async () => {
    const [left, right] = createMemoryPipe()
    const got: number[][] = []
    const back: number[][] = []
    left.start((packets) => back.push(...copy(packets)))
    right.start((packets) => {
      got.push(...copy(packets))
      right.transmit([Uint8Array.of(9)])
    })
    expect([left.transmit([Uint8Array.of(1), Uint8Array.of(2, 3)]), left.transmit([Uint8Array.of(4)])]).toEqual([true, true])
    expect(got).toEqual([])
    await Promise.resolve()
    await Promise.resolve()
    expect([got, back]).toEqual([[[1, 2, 3], [4]], [[9]]])
  })

  it('keeps what comes before the start, up to its limit, in batches', () => {
    const planned: (() => void)[] = []
    const [left, right] = createMemoryPipe({ queueLimit: 100, schedule: (deliver) => planned.push(deliver) })
    expect(Array.from({ length: 120 }, (_, index) => left.transmit([Uint8Array.of(index)])).filter((sent) => sent).length).toBe(100)
    const batches: number[] = []
    right.start((packets) => batches.push(packets.length))
    while (planned.length > 0) planned.shift()!()
    expect(batches).toEqual([64, 36])
    expect(left.transmit([Uint8Array.of(1)])).toBe(true)
  })

  it('refuses what is longer than the MTU, or than a segment where there is offload', () => {
    const [plain] = createMemoryPipe({ mtu: 1280 })
    const [large] = createMemoryPipe({ mtu: 1280, offload: { checksum: true, segmentationBytes: 65_535 } })
    expect([1280, 1281].map((length) => plain.transmit([new Uint8Array(length)]))).toEqual([true, false])
    expect([65_535, 65_536].map((length) => large.transmit([new Uint8Array(length)]))).toEqual([true, false])
  })

  it('uses its memory again after a batch, and never before', async () => {
    const [left, right] = createMemoryPipe()
    const buffers = new Set<ArrayBufferLike>()
    right.start((packets) => packets.forEach((packet) => buffers.add(packet.buffer)))
    for (let round = 0; round < 50; round += 1) {
      left.transmit([Uint8Array.of(round)])
      left.transmit([Uint8Array.of(round, round)])
      await Promise.resolve()
    }
    expect(buffers.size).toBe(2)
  })

  it('is silent after close', async () => {
    const [left, right] = createMemoryPipe()
    let received = 0
    right.start(() => (received += 1))
    left.transmit([Uint8Array.of(1)])
    await right.close()
    await Promise.resolve()
    expect([received, left.transmit([Uint8Array.of(1)]), right.transmit([Uint8Array.of(1)])]).toEqual([0, false, false])
  })
})
