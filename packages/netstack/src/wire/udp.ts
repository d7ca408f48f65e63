import { readU16, writeU16, writeU32 } from './big-endian.ts'
import type { DropCounts } from './drop-counts.ts'

export const udpHeaderBytes = 8
/** Where the checksum stands in the header. */
export const udpChecksumOffset = 6

export interface Datagram {
  readonly sourcePort: number
  readonly destinationPort: number
  /** As it came: over IPv4 0 means that none was made (RFC 768). */
  readonly checksum: number
  /** Borrowed: a view of the packet. */
  readonly payload: Uint8Array
}

/** Reads the datagram in `length` bytes from `offset` on. Its sum is not looked at. What follows the datagram's own length is ignored (RFC 768). */
export function parseDatagram(bytes: Uint8Array, offset: number, length: number, drops?: DropCounts): Datagram | undefined {
  if (length < udpHeaderBytes || offset + length > bytes.length) return drops?.count('udp.short')
  const datagramLength = readU16(bytes, offset + 4)
  if (datagramLength < udpHeaderBytes || datagramLength > length) return drops?.count('udp.length')
  return {
    sourcePort: readU16(bytes, offset),
    destinationPort: readU16(bytes, offset + 2),
    checksum: readU16(bytes, offset + udpChecksumOffset),
    payload: bytes.subarray(offset + udpHeaderBytes, offset + datagramLength),
  }
}

/** Writes the header of a datagram with so many bytes of payload, without its sum, and returns its length. */
export function encodeDatagramHeader(sourcePort: number, destinationPort: number, payloadBytes: number, into: Uint8Array, at = 0): number {
  writeU16(into, at, sourcePort)
  writeU16(into, at + 2, destinationPort)
  writeU32(into, at + 4, (udpHeaderBytes + payloadBytes) << 16)
  return udpHeaderBytes
}
