import { isIP, SocketAddress } from 'node:net'

export type Family = 4 | 6

/** All addresses from `low` to `high`, both included. */
export interface AddressRange {
  readonly family: Family
  readonly low: bigint
  readonly high: bigint
}

/** A network, or with the full length one address. Two prefixes lie apart, or one contains the other. */
export interface Prefix extends AddressRange {
  readonly length: number
  /** As routes are written, a single address with its length too: `10.0.0.0/8`, `fd00::1/128`. Equal for equal prefixes. */
  readonly cidr: string
}

export const addressBits = { 4: 32, 6: 128 } as const
export const families: readonly Family[] = [4, 6]

/** Host bits of `address` may be set; they are cleared. */
export function prefixOf(family: Family, address: bigint, length: number = addressBits[family]): Prefix {
  const hostBits = BigInt(addressBits[family] - length)
  const low = (address >> hostBits) << hostBits
  return { family, low, high: low | ((1n << hostBits) - 1n), length, cidr: `${formatAddress(family, low)}/${length}` }
}

/** `10.1.0.0/16`, `fd00::1`; undefined for all else. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, address = '', digits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  if (family !== 4 && family !== 6) return undefined
  const length = digits === undefined ? addressBits[family] : Number(digits)
  if (length > addressBits[family]) return undefined
  return prefixOf(family, family === 4 ? parseIpv4(address) : parseIpv6(address), length)
}

export function formatAddress(family: Family, value: bigint): string {
  if (family === 4) {
    const n = Number(value)
    return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`
  }
  const groups = value.toString(16).padStart(32, '0').match(/.{4}/g) ?? []
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}

/** As people write it: a single address has no length. */
export function formatPrefix({ family, length, cidr }: Prefix): string {
  return length === addressBits[family] ? cidr.slice(0, cidr.lastIndexOf('/')) : cidr
}

export function contains(outer: AddressRange, inner: AddressRange): boolean {
  return outer.family === inner.family && outer.low <= inner.low && inner.high <= outer.high
}

export function overlaps(one: AddressRange, other: AddressRange): boolean {
  return one.family === other.family && one.low <= other.high && other.low <= one.high
}

function parseIpv4(text: string): bigint {
  return BigInt(text.split('.').reduce((value, part) => value * 256 + Number(part), 0))
}

function parseIpv6(text: string): bigint {
  // RFC 4291 2.2.3: the last 32 bits may be written as IPv4.
  const hex = text.replace(/[^:]*\.[^:]*$/, (dotted) => {
    const value = Number(parseIpv4(dotted))
    return `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`
  })
  const [head = '', tail] = hex.split('::')
  const before = head.split(':').filter(Boolean)
  const after = (tail ?? '').split(':').filter(Boolean)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return BigInt(`0x${[...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('')}`)
}
