import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seqAdd, toSeq } from '../seq.ts'
import { BlockPool } from './block-pool.ts'
import { ReceiveBuffer } from './receive-buffer.ts'

const start = toSeq(0xffff_fff0)
const byteAt = (offset: number): number => (offset * 31 + (offset >> 8)) & 0xff
const text = (offset: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => byteAt(offset + index))

describe('ReceiveBuffer', () => {
  it('gives out the same text whatever the order, overlap and repetition of what comes', () => {
    const piece = fc.record({ offset: fc.nat(5_000), length: fc.integer({ min: 1, max: 2_000 }), read: fc.boolean() })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const pool = new BlockPool()
        const buffer = new ReceiveBuffer(pool, start)
        const have = new Set<number>()
        let read = 0
        const readAll = (): void =>
          buffer.read((chunk) => {
            expect(chunk).toEqual(text(read, chunk.length))
            read += chunk.length
            return true
          })
        for (const { offset, length, read: reads } of pieces) {
          let next = 0
          while (have.has(next)) next += 1
          const from = Math.max(offset, next)
          if (from < offset + length) buffer.insert(seqAdd(start, from), text(from, offset + length - from))
          for (let at = offset; at < offset + length; at += 1) have.add(at)
          if (reads) readAll()
        }
        let next = 0
        while (have.has(next)) next += 1
        expect(buffer.next).toBe(seqAdd(start, next))
        readAll()
        expect(read).toBe(next)
        buffer.clear()
        expect(pool.usedBytes).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('holds no memory when it is empty', () => {
    const pool = new BlockPool()
    const buffer = new ReceiveBuffer(pool, start)
    buffer.insert(start, text(0, 100))
    expect(pool.usedBytes).toBe(2048)
    buffer.read(() => true)
    expect(pool.usedBytes).toBe(0)
  })

  it('takes memory for what has come, not for the gap before it', () => {
    const pool = new BlockPool()
    const buffer = new ReceiveBuffer(pool, start)
    buffer.insert(seqAdd(start, 4_000_000), text(0, 1))
    expect(pool.usedBytes).toBeLessThanOrEqual(64 * 1024)
  })

  it('leaves held chunks alone', () => {
    const buffer = new ReceiveBuffer(new BlockPool(), start)
    const held: { chunk: Uint8Array; at: number; release: () => void }[] = []
    for (let at = 0; at < 50_000; at += 500) {
      buffer.insert(seqAdd(start, at), text(at, 500))
      buffer.read((chunk, hold) => {
        held.push({ chunk, at, release: hold() })
        return true
      })
    }
    expect(held.every(({ chunk, at }) => Buffer.compare(chunk, text(at, chunk.length)) === 0)).toBe(true)
    for (const { release } of held) release()
  })

  it('tells duplicates from what is new', () => {
    const buffer = new ReceiveBuffer(new BlockPool(), start)
    expect(buffer.insert(seqAdd(start, 10), text(10, 10))).toBe('out-of-order')
    expect(buffer.insert(seqAdd(start, 12), text(12, 5))).toBe('duplicate')
    expect(buffer.insert(start, text(0, 10))).toBe('in-order')
    expect(buffer.readable).toBe(20)
  })
})
