/** A small seeded generator (mulberry32): a failing run is repeated by its seed. */
export type Random = () => number

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** 0 to `below` - 1. */
export const pick = (random: Random, below: number): number => Math.floor(random() * below)

export const choose = <T>(random: Random, from: readonly T[]): T => from[pick(random, from.length)] as T

export function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += 1) bytes[at] = pick(random, 256)
  return bytes
}

/** `TUNNEL_FUZZ_SEED` repeats a run. */
export const fuzzSeed = Number(process.env['TUNNEL_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
