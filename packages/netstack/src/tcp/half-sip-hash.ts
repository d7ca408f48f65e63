/**
 * HalfSipHash-2-4 (Aumasson and Bernstein): a keyed hash of 32-bit words that nobody can foretell who has not the key, in operations that
 * JavaScript has. For initial sequence numbers (RFC 6528 3) and timestamps (RFC 7323 7.1), not for secrets that last.
 */
export function halfSipHash(key0: number, key1: number, words: readonly number[]): number {
  let v0 = key0
  let v1 = key1
  let v2 = 0x6c796765 ^ key0
  let v3 = 0x74656462 ^ key1
  const round = (): void => {
    v0 = (v0 + v1) | 0
    v1 = rotate(v1, 5) ^ v0
    v0 = rotate(v0, 16)
    v2 = (v2 + v3) | 0
    v3 = rotate(v3, 8) ^ v2
    v0 = (v0 + v3) | 0
    v3 = rotate(v3, 7) ^ v0
    v2 = (v2 + v1) | 0
    v1 = rotate(v1, 13) ^ v2
    v2 = rotate(v2, 16)
  }
  const absorb = (word: number): void => {
    v3 ^= word
    round()
    round()
    v0 ^= word
  }
  for (const word of words) absorb(word | 0)
  // The last word holds the length in bytes, modulo 256.
  absorb((words.length * 4) << 24)
  v2 ^= 0xff
  for (let index = 0; index < 4; index += 1) round()
  return (v1 ^ v3) | 0
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
