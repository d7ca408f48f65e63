/** Numbers in [0, 1). */
export type Random = () => number

/** A small generator (mulberry32) whose numbers are the same for the same seed: for faults that can be repeated, never for secrets. */
export function createSeededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
