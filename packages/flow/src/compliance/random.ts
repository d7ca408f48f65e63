/** Random numbers in [0, 1) that are the same in each run (mulberry32), so that a failure can be repeated. */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The bytes of one endless text from `offset` on: whoever receives them can tell what should be where. */
export function pattern(offset: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => patternByte(offset + index))
}

function patternByte(offset: number): number {
  return (Math.imul(offset, 0x9e3779b1) >>> 24) ^ (offset & 0xff)
}

/** The first place at which `chunk` differs from the pattern; -1 if none. */
export function firstDifference(chunk: Uint8Array, offset: number): number {
  return chunk.findIndex((byte, index) => byte !== patternByte(offset + index))
}
