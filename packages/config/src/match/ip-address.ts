import { isIP, SocketAddress } from 'node:net'

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

export const addressBits = { 4: 32, 6: 128 } as const

const mappedPrefix = 0xffffn

/** `undefined` for anything that the operating system's own parser does not take: `010.0.0.1`, `1.2.3`, names. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const address = parseUnmapped(text)
  if (address?.family !== 6 || address.value >> 32n !== mappedPrefix) return address
  return ipAddressOf(4, address.value & 0xffff_ffffn)
}

/** As `parseIpAddress`, but a mapped address stays IPv6. A prefix length written behind it counts from its 128 bits. */
export function parseUnmapped(text: string): IpAddress | undefined {
  const family = isIP(text)
  if (family === 4) return { family, value: ipv4Value(text), text }
  if (family !== 6) return undefined
  // Node prints the address by inet_ntop, which is canonical; a zone (`%eth0`) has no meaning off its link.
  const canonical = new SocketAddress({ address: text.replace(/%.*$/, ''), family: 'ipv6' }).address
  return { family, value: ipv6Value(canonical), text: canonical }
}

export function ipAddressOf(family: 4 | 6, value: bigint): IpAddress {
  if (family === 4) {
    const n = Number(value)
    return { family, value, text: [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.') }
  }
  const digits = value.toString(16).padStart(32, '0')
  const groups = digits.match(/.{4}/g) ?? []
  return { family, value, text: new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address }
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

function ipv4Value(text: string): bigint {
  return BigInt(text.split('.').reduce((value, part) => value * 256 + Number(part), 0))
}

function ipv6Value(canonical: string): bigint {
  // inet_ntop writes the last 32 bits of mapped and compatible addresses as dotted IPv4.
  const dotted = /[^:]*\.[^:]*$/.exec(canonical)?.[0]
  const tail = dotted === undefined ? [] : dottedGroups(dotted)
  const hex = dotted === undefined ? canonical : canonical.slice(0, -dotted.length).replace(/([^:]):$/, '$1')
  const [left = '', right] = hex.split('::')
  const before = left.split(':').filter(Boolean)
  const after = [...(right ?? '').split(':').filter(Boolean), ...(right === undefined ? [] : tail)]
  const head = right === undefined ? [...before, ...tail] : before
  const zeros = Array.from({ length: 8 - head.length - after.length }, () => '0')
  return BigInt(`0x${[...head, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('')}`)
}

function dottedGroups(dotted: string): string[] {
  const value = Number(ipv4Value(dotted))
  return [(value >>> 16).toString(16), (value & 0xffff).toString(16)]
}
