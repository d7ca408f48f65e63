import { choose, pick, randomBytes, type Random } from './random.ts'

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array

const interesting = [0, 1, 7, 8, 0x7f_ff_ff_ff, 0x80_00_00_00, 0xff_ff_ff_ff, 0x00_01_00_00]

const flipBit: Mutation = (bytes, random) => {
  const copy = bytes.slice()
  const at = pick(random, copy.length)
  copy[at] = (copy[at] ?? 0) ^ (1 << pick(random, 8))
  return copy
}
const setByte: Mutation = (bytes, random) => {
  const copy = bytes.slice()
  if (copy.length > 0) copy[pick(random, copy.length)] = pick(random, 256)
  return copy
}
/** Lengths are where parsers break: an interesting number at any four bytes. */
const setWord: Mutation = (bytes, random) => {
  const copy = bytes.slice()
  if (copy.length >= 4) new DataView(copy.buffer).setUint32(pick(random, copy.length - 3), choose(random, interesting), true)
  return copy
}
const cut: Mutation = (bytes, random) => bytes.slice(0, pick(random, bytes.length + 1))
const insert: Mutation = (bytes, random) => {
  const at = pick(random, bytes.length + 1)
  const added = randomBytes(random, pick(random, 16))
  const copy = new Uint8Array(bytes.length + added.length)
  copy.set(bytes.subarray(0, at))
  copy.set(added, at)
  copy.set(bytes.subarray(at), at + added.length)
  return copy
}

/** One to three small damages. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let result = bytes
  for (let count = 1 + pick(random, 3); count > 0; count -= 1) result = choose(random, [flipBit, setByte, setWord, cut, insert])(result, random)
  return result
}
