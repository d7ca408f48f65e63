import { readU16, writeU16, writeU32 } from './big-endian.ts'
import type { DropCounts } from './drop-counts.ts'
import { readIpv6Address, writeAddress } from './ip-address.ts'
import { ipProtocol, type IpHeader, type IpPacket } from './ip-packet.ts'
import { walkExtensions } from './ipv6-extensions.ts'

export const ipv6HeaderBytes = 40
export const ipv6FragmentBytes = 8

/** Reads an IPv6 header (RFC 8200 3) and its extension headers into `packet`. After a refusal `packet.problemCode` says what its sender must hear. */
export function parseIpv6(bytes: Uint8Array, packet: IpPacket, drops: DropCounts): IpPacket | undefined {
  packet.begin(bytes)
  if (bytes.length < ipv6HeaderBytes) return drops.count('ipv6.short')
  const end = ipv6HeaderBytes + readU16(bytes, 4)
  // A length of 0 announces a jumbogram (RFC 2675), whose option is unknown to us, or nothing.
  if (end > bytes.length) return drops.count('ipv6.payload-length')
  packet.version = 6
  packet.trafficClass = (readU16(bytes, 0) >>> 4) & 0xff
  packet.hopLimit = bytes[7] ?? 0
  packet.source = readIpv6Address(bytes, 8, packet.source)
  packet.destination = readIpv6Address(bytes, 24, packet.destination)
  return walkExtensions(packet, bytes[6] ?? 0, end, drops)
}

/** Writes a header at `at` and returns its length: 40, or 48 with a fragment header where the packet is a fragment. */
export function encodeIpv6Header(header: IpHeader, into: Uint8Array, at = 0): number {
  const fragment = header.moreFragments || header.fragmentOffset > 0
  writeU32(into, at, (6 << 28) | (header.trafficClass << 20))
  writeU16(into, at + 4, header.payloadLength + (fragment ? ipv6FragmentBytes : 0))
  into[at + 6] = fragment ? ipProtocol.fragment : header.protocol
  into[at + 7] = header.hopLimit
  writeAddress(header.source, into, at + 8)
  writeAddress(header.destination, into, at + 24)
  if (!fragment) return ipv6HeaderBytes
  const next = at + ipv6HeaderBytes
  into[next] = header.protocol
  into[next + 1] = 0
  writeU16(into, next + 2, header.fragmentOffset | (header.moreFragments ? 1 : 0))
  writeU32(into, next + 4, header.identification)
  return ipv6HeaderBytes + ipv6FragmentBytes
}

