import { parseIpAddress } from '@tunnel/flow'
import { readI32, writeU32 } from './big-endian.ts'

/**
 * An IPv4 or IPv6 address as four words, equal by value. Text exists at the edges only: packets are compared and looked up by
 * numbers. An IPv4 address lies in the last word, with the prefix of RFC 4291 2.5.5.2 before it, so that both kinds have one shape.
 */
export class IpAddress {
  readonly version: 4 | 6
  /** Signed, as all words: small integers in the engine. */
  readonly word0: number
  readonly word1: number
  readonly word2: number
  readonly word3: number

  constructor(version: 4 | 6, word0: number, word1: number, word2: number, word3: number) {
    this.version = version
    this.word0 = word0 | 0
    this.word1 = word1 | 0
    this.word2 = word2 | 0
    this.word3 = word3 | 0
  }

  equals(other: IpAddress): boolean {
    if (this === other) return true
    return (
      this.word3 === other.word3 && this.word2 === other.word2 && this.word1 === other.word1 && this.word0 === other.word0 && this.version === other.version
    )
  }

  /** 31 bits for a map's key; mix a secret in where strangers choose addresses. */
  hash(secret = 0): number {
    let mixed = Math.imul(this.word3 ^ secret, 0x9e37_79b1)
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ this.word2, 0x85eb_ca77)
    mixed = Math.imul(mixed ^ (mixed >>> 13) ^ this.word1, 0xc2b2_ae3d)
    mixed = Math.imul(mixed ^ (mixed >>> 16) ^ this.word0, 0x27d4_eb2f)
    return (mixed ^ (mixed >>> 15)) & 0x7fff_ffff
  }

  get bytes(): 4 | 16 {
    return this.version === 4 ? 4 : 16
  }

  toString(): string {
    return formatAddress(this)
  }
}

const mappedPrefix = 0xffff

const ipv4Address = (word: number): IpAddress => new IpAddress(4, 0, 0, mappedPrefix, word)
export const unspecified4 = ipv4Address(0)
const unspecified6 = new IpAddress(6, 0, 0, 0, 0)

/** The address at `at`: `known` itself if it is that one, so that packets of one flow share an object. */
export function readIpv4Address(bytes: Uint8Array, at: number, known: IpAddress = unspecified4): IpAddress {
  const word = readI32(bytes, at)
  return known.version === 4 && known.word3 === word ? known : ipv4Address(word)
}

export function readIpv6Address(bytes: Uint8Array, at: number, known: IpAddress = unspecified6): IpAddress {
  const word0 = readI32(bytes, at)
  const word1 = readI32(bytes, at + 4)
  const word2 = readI32(bytes, at + 8)
  const word3 = readI32(bytes, at + 12)
  const same = known.word3 === word3 && known.word2 === word2 && known.word1 === word1 && known.word0 === word0 && known.version === 6
  return same ? known : new IpAddress(6, word0, word1, word2, word3)
}

/** Writes 4 or 16 bytes. */
export function writeAddress(address: IpAddress, into: Uint8Array, at: number): void {
  if (address.version === 4) return writeU32(into, at, address.word3)
  writeU32(into, at, address.word0)
  writeU32(into, at + 4, address.word1)
  writeU32(into, at + 8, address.word2)
  writeU32(into, at + 12, address.word3)
}

/** `undefined` for everything but four full decimal numbers (no `010.0.0.1`, no `1.2.3`) and RFC 4291 2.2; no zones. */
export function parseAddress(text: string): IpAddress | undefined {
  const parsed = parseIpAddress(text)
  if (!parsed) return undefined
  const { family, value } = parsed
  if (family === 4) return ipv4Address(Number(value))
  const word = (shift: bigint): number => Number((value >> shift) & 0xffff_ffffn)
  return new IpAddress(6, word(96n), word(64n), word(32n), word(0n))
}

/** Canonical: IPv6 by RFC 5952 4. */
export function formatAddress({ version, word0, word1, word2, word3 }: IpAddress): string {
  if (version === 4) return `${word3 >>> 24}.${(word3 >>> 16) & 255}.${(word3 >>> 8) & 255}.${word3 & 255}`
  const groups = [word0, word1, word2, word3].flatMap((word) => [(word >>> 16).toString(16), (word & 0xffff).toString(16)])
  let start = -1
  let longest = 1
  let run = 0
  for (const [index, group] of groups.entries()) {
    run = group === '0' ? run + 1 : 0
    // The first of the longest runs of at least two groups (4.2.3).
    if (run > longest) [longest, start] = [run, index - run + 1]
  }
  return start < 0 ? groups.join(':') : `${groups.slice(0, start).join(':')}::${groups.slice(start + longest).join(':')}`
}
