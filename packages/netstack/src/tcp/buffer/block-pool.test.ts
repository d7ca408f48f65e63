import { expect, it } from 'vitest'
import { BlockPool } from './block-pool.ts'

const mebibyte = 1024 * 1024
const blockBytes = 64 * 1024

/** `bytes` wait, and then no more. */
function burst(pool: BlockPool, bytes: number): Uint8Array[] {
  const blocks = Array.from({ length: bytes / blockBytes }, () => pool.take(blockBytes))
  for (const block of blocks) block.release()
  return blocks.map((block) => block.bytes)
}

it('uses the blocks of one burst again in the next, and lets most of them go when none has come for a second', () => {
  const pool = new BlockPool()
  const first = new Set(burst(pool, 16 * mebibyte))
  pool.tidy(0)
  expect(pool.wakeAt).toBe(1000)
  for (const at of [400, 900, 1000]) {
    expect(burst(pool, 16 * mebibyte).every((bytes) => first.has(bytes))).toBe(true)
    pool.tidy(at)
    expect([pool.wakeAt, pool.spareBytes]).toEqual([at + 1000, 16 * mebibyte])
  }
  pool.tidy(1999)
  expect(pool.spareBytes).toBe(16 * mebibyte)
  pool.tidy(2000)
  expect([pool.usedBytes, pool.spareBytes, pool.wakeAt]).toEqual([0, 4 * mebibyte, Number.POSITIVE_INFINITY])
})

it('keeps at most 32 MiB beside what is in use, and needs no time for a little', () => {
  const pool = new BlockPool()
  burst(pool, 40 * mebibyte)
  expect(pool.spareBytes).toBe(32 * mebibyte)
  const small = new BlockPool()
  burst(small, 4 * mebibyte)
  small.tidy(0)
  expect(small.wakeAt).toBe(Number.POSITIVE_INFINITY)
})
