import type { DropCounts } from './drop-counts.ts'
import type { IpHeader, IpPacket } from './ip-packet.ts'
import { encodeIpv4Header, ipv4HeaderBytes, parseIpv4 } from './ipv4.ts'
import { encodeIpv6Header, ipv6FragmentBytes, ipv6HeaderBytes, parseIpv6 } from './ipv6.ts'

/** The longest IP header that we write. */
export const maxIpHeaderBytes = ipv6HeaderBytes + ipv6FragmentBytes

/** Reads one packet of either version. `verified`: the device has checked sums. */
export function parseIp(bytes: Uint8Array, packet: IpPacket, drops: DropCounts, verified = false): IpPacket | undefined {
  const version = (bytes[0] ?? 0) >>> 4
  if (version === 4) return parseIpv4(bytes, packet, drops, verified)
  if (version === 6) return parseIpv6(bytes, packet, drops)
  return drops.count(bytes.length === 0 ? 'ip.empty' : 'ip.version')
}

/** Writes a header of the addresses' version at `at` and returns its length. */
export function encodeIpHeader(header: IpHeader, into: Uint8Array, at = 0): number {
  return header.destination.version === 4 ? encodeIpv4Header(header, into, at) : encodeIpv6Header(header, into, at)
}

/** The length of a header that is no fragment's. */
export const ipHeaderBytes = (version: 4 | 6): number => (version === 4 ? ipv4HeaderBytes : ipv6HeaderBytes)
