import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seqAdd, toSeq } from '../seq.ts'
import { BlockPool } from './block-pool.ts'
import { SendBuffer } from './send-buffer.ts'

const start = toSeq(0x7fff_fff0)

describe('SendBuffer', () => {
  it('shows any part of what was written, and releases each chunk once when it is acknowledged', () => {
    const write = fc.record({ length: fc.integer({ min: 1, max: 3_000 }), released: fc.boolean() })
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 40 }), fc.array(fc.nat(1_000), { maxLength: 20 }), (writes, steps) => {
        const pool = new BlockPool()
        const buffer = new SendBuffer(pool, start)
        const whole: number[] = []
        let releases = 0
        for (const { length, released } of writes) {
          const chunk = Uint8Array.from({ length }, (_, index) => (whole.length + index) & 0xff)
          whole.push(...chunk)
          buffer.append(chunk, released ? () => (releases += 1) : undefined)
          if (!released) chunk.fill(0xee)
        }
        let acknowledged = 0
        for (const step of [...steps, whole.length]) {
          const length = Math.min(whole.length - acknowledged, 1_500)
          expect(Buffer.concat(buffer.view(seqAdd(start, acknowledged), length))).toEqual(Buffer.from(whole.slice(acknowledged, acknowledged + length)))
          acknowledged = Math.min(whole.length, acknowledged + step)
          buffer.acknowledge(seqAdd(start, acknowledged))
          expect(buffer.bytes).toBe(whole.length - acknowledged)
        }
        expect(releases).toBe(writes.filter(({ released }) => released).length)
        expect(pool.usedBytes).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('puts small copies into one block', () => {
    const pool = new BlockPool()
    const buffer = new SendBuffer(pool, start)
    for (let index = 0; index < 2_000; index += 1) buffer.append(Uint8Array.of(index & 0xff), undefined)
    expect(pool.usedBytes).toBeLessThanOrEqual(4 * 1024)
    expect(buffer.view(start, 1_448)).toHaveLength(1)
  })

  it('releases everything when it is cleared', () => {
    const pool = new BlockPool()
    const buffer = new SendBuffer(pool, start)
    let releases = 0
    buffer.append(new Uint8Array(1_000), () => (releases += 1))
    buffer.append(new Uint8Array(1_000), undefined)
    buffer.clear()
    expect([releases, buffer.bytes, pool.usedBytes]).toEqual([1, 0, 0])
  })
})
