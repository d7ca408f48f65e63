import { readU16, readU32 } from './big-endian.ts'
import { isMulticast } from './address-kind.ts'
import type { DropCounts } from './drop-counts.ts'
import { ipProtocol, type IpPacket } from './ip-packet.ts'

/** Codes of an ICMPv6 parameter problem (RFC 4443 3.4, RFC 7112 5). */
export const problemCode = { field: 0, nextHeader: 1, option: 2, incompleteChain: 3 } as const

/** More than any program sends. RFC 8504 5.3 lets a host have a limit. */
const maxExtensions = 8
const firstHeaderAt = 40
/** Where the first next header stands in the fixed header. */
const firstNextHeaderAt = 6

/** Upper-layer headers, as much of them as a first fragment must have (RFC 7112 5). */
const upperLayerBytes: ReadonlyMap<number, number> = new Map([
  [ipProtocol.tcp, 20],
  [ipProtocol.udp, 8],
  [ipProtocol.icmp6, 4],
])

/**
 * Passes over hop-by-hop options, routing, fragment and destination headers (RFC 8200 4) to the payload. Each costs at least eight bytes of
 * the packet and there may be eight, so that the walk ends.
 */
export function walkExtensions(packet: IpPacket, firstHeader: number, end: number, drops: DropCounts): IpPacket | undefined {
  const { bytes } = packet
  let at = firstHeaderAt
  let header = firstHeader
  let nextHeaderAt = firstNextHeaderAt
  for (let count = 0; isExtension(header); count += 1) {
    if (count === maxExtensions) return drops.count('ipv6.extension-count')
    const length = extensionBytes(bytes, at, header)
    if (at + length > end || at + 8 > end) return drops.count('ipv6.extension-length')
    if (header === ipProtocol.fragment) {
      readFragment(packet, at, nextHeaderAt)
      // A whole packet may wear a fragment header (RFC 6946 4): it is no fragment.
      if (packet.isFragment) return fragmentIsGood(packet, at + length, end, drops)
    } else if (!extensionIsGood(packet, header, at, length, nextHeaderAt, drops)) return undefined
    nextHeaderAt = at
    header = bytes[at] ?? ipProtocol.none
    at += length
  }
  packet.protocol = header
  packet.nextHeaderAt = nextHeaderAt
  packet.payloadOffset = at
  packet.payloadLength = end - at
  return header === ipProtocol.none ? drops.count('ipv6.no-next-header') : packet
}

function isExtension(header: number): boolean {
  return header === ipProtocol.hopByHop || header === ipProtocol.routing || header === ipProtocol.fragment || header === ipProtocol.destinationOptions
}

function extensionBytes(bytes: Uint8Array, at: number, header: number): number {
  return header === ipProtocol.fragment ? 8 : ((bytes[at + 1] ?? 0) + 1) * 8
}

function extensionIsGood(packet: IpPacket, header: number, at: number, length: number, nextHeaderAt: number, drops: DropCounts): boolean {
  if (header === ipProtocol.routing) return routeIsGood(packet, at, drops)
  if (header === ipProtocol.hopByHop && at !== firstHeaderAt) {
    // "Restricted to appear immediately after an IPv6 header only" (RFC 8200 4.1).
    packet.problem(problemCode.nextHeader, nextHeaderAt)
    drops.count('ipv6.extension-order')
    return false
  }
  return optionsAreGood(packet, at + 2, at + length, drops)
}

/** A route whose end is not here would be ours to forward along: no host does that any more (RFC 8200 4.4, RFC 5095 3). */
function routeIsGood(packet: IpPacket, at: number, drops: DropCounts): boolean {
  const segmentsLeft = packet.bytes[at + 3] ?? 0
  if (segmentsLeft === 0) return true
  packet.problem(problemCode.field, at + 2)
  drops.count('ipv6.routing')
  return false
}

/** No option is known but padding; the two highest bits of an unknown one say what to do (RFC 8200 4.2). */
function optionsAreGood(packet: IpPacket, start: number, end: number, drops: DropCounts): boolean {
  const { bytes } = packet
  for (let at = start; at < end; ) {
    const type = bytes[at] ?? 0
    if (type === 0) {
      at += 1
      continue
    }
    const length = 2 + (bytes[at + 1] ?? 0)
    if (at + 2 > end || at + length > end) {
      packet.problem(problemCode.field, at)
      drops.count('ipv6.option')
      return false
    }
    const action = type >>> 6
    if (action !== 0) {
      if (action === 2 || (action === 3 && !isMulticast(packet.destination))) packet.problem(problemCode.option, at)
      drops.count('ipv6.option')
      return false
    }
    at += length
  }
  return true
}

function readFragment(packet: IpPacket, at: number, nextHeaderAt: number): void {
  const field = readU16(packet.bytes, at + 2)
  packet.fragmentOffset = field & 0xfff8
  packet.moreFragments = (field & 1) === 1
  packet.identification = readU32(packet.bytes, at + 4)
  packet.fragmentHeaderAt = at
  packet.nextHeaderAt = nextHeaderAt
}

function fragmentIsGood(packet: IpPacket, at: number, end: number, drops: DropCounts): IpPacket | undefined {
  const length = end - at
  packet.protocol = packet.bytes[packet.fragmentHeaderAt] ?? ipProtocol.none
  packet.payloadOffset = at
  packet.payloadLength = length
  if (packet.moreFragments && length % 8 !== 0) {
    packet.problem(problemCode.field, 4)
    return drops.count('fragment.length')
  }
  if (packet.fragmentOffset + length > 65_535) {
    packet.problem(problemCode.field, packet.fragmentHeaderAt + 2)
    return drops.count('fragment.beyond-end')
  }
  // Filters look at the first fragment: all headers must be in it (RFC 7112 5).
  if (packet.fragmentOffset === 0 && !chainIsWhole(packet.bytes, packet.protocol, at, end)) {
    packet.problem(problemCode.incompleteChain, 0)
    return drops.count('fragment.incomplete-chain')
  }
  return packet
}

function chainIsWhole(bytes: Uint8Array, firstHeader: number, start: number, end: number): boolean {
  let at = start
  let header = firstHeader
  for (let count = 0; isExtension(header); count += 1) {
    if (count === maxExtensions || at + 8 > end) return false
    const length = extensionBytes(bytes, at, header)
    header = bytes[at] ?? ipProtocol.none
    at += length
  }
  return at + (upperLayerBytes.get(header) ?? 0) <= end
}
