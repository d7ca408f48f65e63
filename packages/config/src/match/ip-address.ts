import { addressBits, formatIpAddress, parseIpAddress as parsePlain } from '@tunnel/flow'

export { addressBits }

/**
 * An IP address that can be calculated with. An IPv4-mapped IPv6 address (`::ffff:1.2.3.4`, as dual-stack sockets
 * report their peers) is the IPv4 address, so that both spellings are equal.
 */
export interface IpAddress {
  readonly family: 4 | 6
  readonly value: bigint
  /** Canonical: lower case, shortest (RFC 5952), no zone. Two addresses are equal when their texts are. */
  readonly text: string
}

const mappedPrefix = 0xffffn

/** `undefined` for anything that the operating system's own parser does not take: `010.0.0.1`, `1.2.3`, names. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const address = parseUnmapped(text)
  if (address?.family !== 6 || address.value >> 32n !== mappedPrefix) return address
  return ipAddressOf(4, address.value & 0xffff_ffffn)
}

/** As `parseIpAddress`, but a mapped address stays IPv6. A prefix length written behind it counts from its 128 bits. */
export function parseUnmapped(text: string): IpAddress | undefined {
  const address = parsePlain(text.includes(':') ? text.replace(zone, '') : text)
  return address && ipAddressOf(address.family, address.value)
}

/** It has no meaning off its link: `fe80::1%eth0`. */
const zone = /%.+$/

export function ipAddressOf(family: 4 | 6, value: bigint): IpAddress {
  return { family, value, text: formatIpAddress({ family, value }) }
}

/** The address with every bit after the first `prefixLength` cleared. */
export function networkOf(address: IpAddress, prefixLength: number): IpAddress {
  const hostBits = BigInt(addressBits[address.family] - prefixLength)
  return ipAddressOf(address.family, (address.value >> hostBits) << hostBits)
}

export function isInNetwork(address: IpAddress, network: IpAddress, prefixLength: number): boolean {
  if (address.family !== network.family) return false
  const hostBits = BigInt(addressBits[address.family] - prefixLength)
  return address.value >> hostBits === network.value >> hostBits
}
