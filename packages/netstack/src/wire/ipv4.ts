import { readU16, writeU16 } from './big-endian.ts'
import { finishChecksum, foldSum, sumBytes } from './checksum.ts'
import type { DropCounts } from './drop-counts.ts'
import { readIpv4Address, writeAddress } from './ip-address.ts'
import type { IpHeader, IpPacket } from './ip-packet.ts'

export const ipv4HeaderBytes = 20

const option = { end: 0, nothing: 1, looseSourceRoute: 131, strictSourceRoute: 137 } as const

/**
 * Reads an IPv4 header (RFC 791 3.1) into `packet`. What follows the packet's own length is padding and not looked at.
 * `verified`: the device has checked the header's sum.
 */
export function parseIpv4(bytes: Uint8Array, packet: IpPacket, drops: DropCounts, verified = false): IpPacket | undefined {
  packet.begin(bytes)
  if (bytes.length < ipv4HeaderBytes) return drops.count('ipv4.short')
  const headerBytes = ((bytes[0] ?? 0) & 15) * 4
  if (headerBytes < ipv4HeaderBytes || headerBytes > bytes.length) return drops.count('ipv4.header-length')
  const totalLength = readU16(bytes, 2)
  if (totalLength < headerBytes || totalLength > bytes.length) return drops.count('ipv4.total-length')
  // RFC 1122 3.2.1.2: silently discarded.
  if (!verified && foldSum(sumBytes(bytes, 0, headerBytes)) !== 0xffff) return drops.count('ipv4.checksum')
  const fragment = readU16(bytes, 6)
  packet.version = 4
  packet.trafficClass = bytes[1] ?? 0
  packet.identification = readU16(bytes, 4)
  packet.dontFragment = (fragment & 0x4000) !== 0
  packet.moreFragments = (fragment & 0x2000) !== 0
  packet.fragmentOffset = (fragment & 0x1fff) * 8
  packet.hopLimit = bytes[8] ?? 0
  packet.protocol = bytes[9] ?? 0
  packet.source = readIpv4Address(bytes, 12, packet.source)
  packet.destination = readIpv4Address(bytes, 16, packet.destination)
  packet.payloadOffset = headerBytes
  packet.payloadLength = totalLength - headerBytes
  if (headerBytes > ipv4HeaderBytes && !optionsAreGood(bytes, headerBytes, packet, drops)) return undefined
  return packet
}

/** Options are passed over (RFC 1122 3.2.1.8), but for source routes: an answer would have to take the route that a stranger chose (RFC 7126 4.3, 4.4). */
function optionsAreGood(bytes: Uint8Array, end: number, packet: IpPacket, drops: DropCounts): boolean {
  for (let at = ipv4HeaderBytes; at < end; ) {
    const type = bytes[at]
    if (type === option.end) return true
    if (type === option.nothing) {
      at += 1
      continue
    }
    if (type === option.looseSourceRoute || type === option.strictSourceRoute) {
      drops.count('ipv4.source-route')
      return false
    }
    const length = at + 1 < end ? (bytes[at + 1] ?? 0) : 0
    if (length < 2 || at + length > end) {
      packet.problem(0, at)
      drops.count('ipv4.option')
      return false
    }
    at += length
  }
  return true
}

/** Writes a header without options at `at`, its sum included, and returns its length. */
export function encodeIpv4Header(header: IpHeader, into: Uint8Array, at = 0): number {
  into[at] = 0x45
  into[at + 1] = header.trafficClass
  writeU16(into, at + 2, ipv4HeaderBytes + header.payloadLength)
  writeU16(into, at + 4, header.identification)
  writeU16(into, at + 6, (header.dontFragment ? 0x4000 : 0) | (header.moreFragments ? 0x2000 : 0) | (header.fragmentOffset >>> 3))
  into[at + 8] = header.hopLimit
  into[at + 9] = header.protocol
  writeU16(into, at + 10, 0)
  writeAddress(header.source, into, at + 12)
  writeAddress(header.destination, into, at + 16)
  writeU16(into, at + 10, finishChecksum(sumBytes(into, at, at + ipv4HeaderBytes)))
  return ipv4HeaderBytes
}
