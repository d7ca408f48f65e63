/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short texts that is the same on every machine and whose
 * collisions cannot be chosen without the key. 64-bit words stand as two 32-bit halves, which JavaScript is quick at.
 */
export interface HashKey {
  readonly k0: bigint
  readonly k1: bigint
}

const utf8 = new TextEncoder()

/**
 * A 128-bit key from a text of any length: SipHash-2-4 under the zero key of the UTF-8 text followed by a byte 0 (first
 * half) and 1 (second half).
 */
export function hashKeyOf(text: string): HashKey {
  const zero = { k0: 0n, k1: 0n }
  return { k0: keyedHash(zero, utf8.encode(`${text}\0`)), k1: keyedHash(zero, utf8.encode(`${text}\u0001`)) }
}

/** 64 bits. A text is hashed as its UTF-8 bytes. */
export function keyedHash(key: HashKey, data: Uint8Array | string): bigint {
  const bytes = typeof data === 'string' ? utf8.encode(data) : data
  const state = initialState(key)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const whole = bytes.length - (bytes.length % 8)
  for (let at = 0; at < whole; at += 8) absorb(state, view.getInt32(at, true), view.getInt32(at + 4, true))
  // The last word: what is left over, and the length in the top byte.
  const last = [0, 0, 0, 0, 0, 0, 0, bytes.length & 255]
  for (let at = whole; at < bytes.length; at += 1) last[at - whole] = bytes[at] ?? 0
  const word = new DataView(Uint8Array.from(last).buffer)
  absorb(state, word.getInt32(0, true), word.getInt32(4, true))
  return finish(state)
}

/** v0 to v3, each as low half, high half. */
type State = Int32Array

function initialState({ k0, k1 }: HashKey): State {
  const words = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n]
  // By value and not by a view of the memory, so that the byte order of the machine does not matter.
  return Int32Array.from(words.flatMap((word) => [Number(BigInt.asIntN(32, word)), Number(BigInt.asIntN(32, word >> 32n))]))
}

function absorb(state: State, low: number, high: number): void {
  state[6] = (state[6] ?? 0) ^ low
  state[7] = (state[7] ?? 0) ^ high
  round(state)
  round(state)
  state[0] = (state[0] ?? 0) ^ low
  state[1] = (state[1] ?? 0) ^ high
}

function finish(state: State): bigint {
  state[4] = (state[4] ?? 0) ^ 0xff
  for (let index = 0; index < 4; index += 1) round(state)
  const half = (at: number): number => ((state[at] ?? 0) ^ (state[at + 2] ?? 0) ^ (state[at + 4] ?? 0) ^ (state[at + 6] ?? 0)) >>> 0
  return (BigInt(half(1)) << 32n) | BigInt(half(0))
}

function round(state: State): void {
  add(state, 0, 2)
  add(state, 4, 6)
  rotate(state, 2, 13)
  rotate(state, 6, 16)
  mix(state, 2, 0)
  mix(state, 6, 4)
  rotate(state, 0, 32)
  add(state, 4, 2)
  add(state, 0, 6)
  rotate(state, 2, 17)
  rotate(state, 6, 21)
  mix(state, 2, 4)
  mix(state, 6, 0)
  rotate(state, 4, 32)
}

function add(state: State, to: number, from: number): void {
  const low = ((state[to] ?? 0) >>> 0) + ((state[from] ?? 0) >>> 0)
  state[to] = low
  state[to + 1] = (state[to + 1] ?? 0) + (state[from + 1] ?? 0) + (low > 0xffff_ffff ? 1 : 0)
}

function mix(state: State, to: number, from: number): void {
  state[to] = (state[to] ?? 0) ^ (state[from] ?? 0)
  state[to + 1] = (state[to + 1] ?? 0) ^ (state[from + 1] ?? 0)
}

function rotate(state: State, at: number, bits: number): void {
  const low = state[at] ?? 0
  const high = state[at + 1] ?? 0
  // A shift by 32 would be a shift by 0.
  state[at] = bits === 32 ? high : (low << bits) | (high >>> (32 - bits))
  state[at + 1] = bits === 32 ? low : (high << bits) | (low >>> (32 - bits))
}
