import { collected, type Release } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { PlaintextSlabs } from './plaintext-slabs.ts'

/** Lends one chunk, held or not. */
function lend(slabs: PlaintextSlabs, bytes: number, held: boolean): { chunk: Uint8Array; release?: Release } {
  let lent: { chunk: Uint8Array; release?: Release } | undefined
  slabs.lend(slabs.take(bytes), (chunk, hold) => (lent = held ? { chunk, release: hold() } : { chunk }))
  return lent!
}
const memoryOf = (chunks: readonly { chunk: Uint8Array }[]): number => [...new Set(chunks.map(({ chunk }) => chunk.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)

it('uses the place of a chunk that nobody held again at once', () => {
  const slabs = new PlaintextSlabs()
  const chunks = Array.from({ length: 1_000 }, () => lend(slabs, 10_000, false))
  expect(new Set(chunks.map(({ chunk }) => chunk.byteOffset))).toEqual(new Set([0]))
})

it('never overwrites a held chunk, and uses its slab again after the release', () => {
  const slabs = new PlaintextSlabs()
  const held = Array.from({ length: 100 }, (_, index) => {
    const lent = lend(slabs, 30_000, true)
    lent.chunk.fill(index)
    return lent
  })
  expect(held.every(({ chunk }, index) => chunk.every((byte) => byte === index))).toBe(true)
  const buffers = new Set(held.map(({ chunk }) => chunk.buffer))
  for (const { release } of held) release?.()
  expect(buffers).toContain(lend(slabs, 30_000, false).chunk.buffer)
})

it('keeps no large memory for small chunks that are held long beside others', () => {
  const slabs = new PlaintextSlabs()
  const slow = Array.from({ length: 200 }, () => {
    const small = lend(slabs, 100, true)
    for (let count = 0; count < 10; count += 1) lend(slabs, 30_000, true).release?.()
    return small
  })
  expect(slow[0]!.release).toBe(collected)
  expect(memoryOf(slow)).toBeLessThan(64 * 1024)
})
