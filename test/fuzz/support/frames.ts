import { readFileSync } from 'node:fs'
import { ContentType, encodeFrame, encodeString, encodeUint32, HeaderId } from '@tunnel/edge/wire'
import { choose, pick, randomBytes, type Random } from './random.ts'

export type Entry = readonly [id: number, value: Uint8Array]

export const connIdEntry = (id: number): Entry => [HeaderId.ConnId, encodeUint32(id >>> 0)]
export const replyForEntry = (sequence: number): Entry => [HeaderId.ReplyFor, encodeUint32(sequence >>> 0)]
export const flagsEntry = (flags: number): Entry => [HeaderId.Flags, encodeUint32(flags >>> 0)]

export const chance = (random: Random, probability: number): boolean => random() < probability

const files = ['channel-frames', 'edge-frames', 'xgress-frames', 'legacy-encrypted-session']
/** The frames of the golden vectors: what mutations start from. */
export const vectorFrames: readonly Uint8Array[] = files.flatMap((file) => {
  const url = new URL(`../../../packages/edge/testdata/vectors/${file}.json`, import.meta.url)
  const { vectors } = JSON.parse(readFileSync(url, 'utf8')) as { vectors: { frames: { frameHex: string }[] } }
  return vectors.frames.map(({ frameHex }) => new Uint8Array(Buffer.from(frameHex, 'hex')))
})

const contentTypes: readonly number[] = [...Object.values(ContentType), 1, 4, 5, 10_900, -1, 0x7f_ff_ff_ff]
const headerIds: readonly number[] = [...Object.values(HeaderId), 1101, 77, -1]

const jsons = ['', '{}', '[]', 'null', '{"retryHint":3}', '{"retryHint":"x"}', '{"__proto__":{"a":"b"},"dst_port":80}', '{"a":', '[[[['.repeat(500), '"\ud800"', '1e999']
const texts = ['', 'close called', 'invalid session', 'found a newer terminator', 'encryption required', 'service x has no terminators', '\0', '😀'.repeat(100)]

/** A value for any header: small numbers that meet, texts, keys, bytes of odd lengths. */
export function anyValue(random: Random): Uint8Array {
  switch (pick(random, 7)) {
    case 0: return encodeUint32(pick(random, 6))
    case 1: return encodeUint32(0x80_00_00_00 + pick(random, 4))
    case 2: return Uint8Array.of(pick(random, 4))
    case 3: return encodeString(choose(random, jsons))
    case 4: return encodeString(choose(random, texts))
    case 5: return randomBytes(random, choose(random, [1, 2, 3, 8, 24, 32, 33]))
    default: return new Uint8Array(choose(random, [0, 4, 32]))
  }
}

export const anyText = (random: Random): Uint8Array => encodeString(choose(random, chance(random, 0.5) ? texts : jsons))

/** Any type with any headers: most of it nonsense, all of it well-formed. */
export function anyFrame(random: Random, ids: readonly number[]): Uint8Array {
  const headers: Entry[] = Array.from({ length: pick(random, 6) }, () => [choose(random, headerIds), anyValue(random)] as const)
  if (chance(random, 0.6)) headers.push(connIdEntry(anyId(random, ids)))
  return encodeFrame({ contentType: choose(random, contentTypes), sequence: pick(random, 8) - 1, headers, body: anyValue(random) })
}

/** An id that is known, or one of nobody's. */
export const anyId = (random: Random, ids: readonly number[]): number =>
  ids.length > 0 && chance(random, 0.8) ? choose(random, ids) : choose(random, [0, 1, 2, 3, 7, 0x7f_ff_ff_fe, 0x7f_ff_ff_ff, 0x80_00_00_00, 0x80_00_00_05, 0xff_ff_ff_ff])

/** Each entry of `entries` is left out now and then, or replaced by nonsense. */
export function damaged(random: Random, entries: readonly Entry[], probability: number): Entry[] {
  return entries.flatMap(([id, value]) => {
    if (!chance(random, probability)) return [[id, value] as const]
    return chance(random, 0.5) ? [] : [[id, anyValue(random)] as const]
  })
}

const sizes = [0, 1, 16, 17, 24, 41, 100, 1000]
/** Bodies of data; one in a hundred is large. */
export const anyBody = (random: Random): Uint8Array =>
  chance(random, 0.01) ? new Uint8Array(choose(random, [10_240, 70_000, 300_000, 1_200_000])) : randomBytes(random, choose(random, sizes))

/** Bytes in parts, as a network brings them. */
export function* split(random: Random, bytes: Uint8Array): Generator<Uint8Array> {
  const most = chance(random, 0.7) ? bytes.length : choose(random, [1, 7, 19, 64, 4096])
  // Not byte by byte through a megabyte.
  const step = Math.max(most, Math.ceil(bytes.length / 30), 1)
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + pick(random, step)
    yield bytes.subarray(at, at + size)
    at += size
  }
}
