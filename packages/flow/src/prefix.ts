import { addressBits, formatIpAddress, parseIpAddress } from './ip-address.ts'

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

export const families: readonly Family[] = [4, 6]

/** Host bits of `address` may be set; they are cleared. */
export function prefixOf(family: Family, address: bigint, length: number = addressBits[family]): Prefix {
  const hostBits = BigInt(addressBits[family] - length)
  const low = (address >> hostBits) << hostBits
  return { family, low, high: low | ((1n << hostBits) - 1n), length, cidr: `${formatAddress(family, low)}/${length}` }
}

/** `10.1.0.0/16`, `fd00::1`; undefined for all else. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, written = '', digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = parseIpAddress(written)
  if (!address) return undefined
  const length = digits === undefined ? addressBits[address.family] : Number(digits)
  if (length > addressBits[address.family]) return undefined
  return prefixOf(address.family, address.value, length)
}

export function formatAddress(family: Family, value: bigint): string {
  return formatIpAddress({ family, value })
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
