import { readI32, readU16, writeU16, writeU32 } from './big-endian.ts'
import type { DropCounts } from './drop-counts.ts'
import { toSeq, type Seq } from './seq.ts'
import { encodeTcpOptions, parseTcpOptions, type TcpOptions } from './tcp-options.ts'

/** Bits of `flags` (RFC 9293 3.1; ECE and CWR by RFC 3168). */
export const tcpFlag = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20, ece: 0x40, cwr: 0x80 } as const

/** One TCP segment as a value. */
export interface Segment {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly seq: Seq
  readonly ack: Seq
  /** Bits of `tcpFlag`. */
  readonly flags: number
  /** As it stands in the header: not yet scaled. */
  readonly window: number
  readonly options: TcpOptions
  /** Borrowed: a view of the packet. */
  readonly payload: Uint8Array
}

/** The header without options. */
export const tcpHeaderBytes = 20
export const maxTcpHeaderBytes = 60
/** Where the checksum stands in the header. */
export const tcpChecksumOffset = 16

const noBytes = new Uint8Array(0)

/** Reads the segment in `length` bytes from `offset` on. The checksum is not looked at: that is up to the IP layer, which knows whether the device has. */
export function parseSegment(bytes: Uint8Array, offset: number, length: number, drops?: DropCounts): Segment | undefined {
  if (length < tcpHeaderBytes || offset + length > bytes.length) return drops?.count('tcp.short')
  const headerBytes = ((bytes[offset + 12] ?? 0) >>> 4) * 4
  if (headerBytes < tcpHeaderBytes || headerBytes > length) return drops?.count('tcp.header-length')
  return {
    sourcePort: readU16(bytes, offset),
    destinationPort: readU16(bytes, offset + 2),
    seq: toSeq(readI32(bytes, offset + 4)),
    ack: toSeq(readI32(bytes, offset + 8)),
    // The four reserved bits are ignored (RFC 9293 3.1).
    flags: bytes[offset + 13] ?? 0,
    window: readU16(bytes, offset + 14),
    options: parseTcpOptions(bytes, offset + tcpHeaderBytes, offset + headerBytes),
    payload: headerBytes === length ? noBytes : bytes.subarray(offset + headerBytes, offset + length),
  }
}

/**
 * Writes the header with its options at `at` and returns its length, at most 60. The checksum is left 0; the payload is
 * not looked at.
 */
export function encodeSegmentHeader(segment: Segment, into: Uint8Array, at = 0): number {
  writeU16(into, at, segment.sourcePort)
  writeU16(into, at + 2, segment.destinationPort)
  writeU32(into, at + 4, segment.seq)
  writeU32(into, at + 8, segment.ack)
  const headerBytes = tcpHeaderBytes + encodeTcpOptions(segment.options, into, at + tcpHeaderBytes)
  into[at + 12] = (headerBytes / 4) << 4
  into[at + 13] = segment.flags
  writeU16(into, at + 14, segment.window)
  // Checksum, and the urgent pointer, which is never used (RFC 6093 5).
  writeU32(into, at + tcpChecksumOffset, 0)
  return headerBytes
}
