import type { Seq } from '../tcp/seq.ts'
import { readI32, readU16, writeU16, writeU32 } from './big-endian.ts'
import type { DropCounts } from './drop-counts.ts'
import { encodeTcpOptions, parseTcpOptions, tcpOptionsBytes, type TcpOptions } from './tcp-options.ts'

/** Control bits (RFC 9293 3.1). */
export const tcpFlag = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20, ece: 0x40, cwr: 0x80 } as const

export const tcpHeaderBytes = 20
/** The data offset counts up to fifteen words of four bytes. */
export const maxTcpHeaderBytes = 60
/** Where the checksum stands in the header. */
export const tcpChecksumOffset = 16

/** All of a segment but its data. */
export interface SegmentHeader {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly seq: Seq
  readonly ack: Seq
  /** Bits of `tcpFlag`. */
  readonly flags: number
  /** As it stands in the header: not scaled. */
  readonly window: number
  /** Urgent pointer: how far behind `seq` urgent data ends. Default 0; counts only with the URG bit. */
  readonly urgent?: number
  readonly options: TcpOptions
}

export interface Segment extends SegmentHeader {
  /** Borrowed: it lies in the packet. */
  readonly payload: Uint8Array
}

const noBytes = new Uint8Array(0)

/** `length` bytes from `offset` on as a segment. The checksum is not looked at: it covers a pseudo header too. */
export function parseSegment(bytes: Uint8Array, offset: number, length: number, drops?: DropCounts): Segment | undefined {
  if (length < tcpHeaderBytes || offset + length > bytes.length) return drops?.count('tcp.short')
  const headerBytes = ((bytes[offset + 12] ?? 0) >> 4) * 4
  if (headerBytes < tcpHeaderBytes || headerBytes > length) return drops?.count('tcp.header-length')
  return {
    sourcePort: readU16(bytes, offset),
    destinationPort: readU16(bytes, offset + 2),
    seq: readI32(bytes, offset + 4) as Seq,
    ack: readI32(bytes, offset + 8) as Seq,
    // The reserved bits in the byte before are ignored (RFC 9293 3.1).
    flags: bytes[offset + 13] ?? 0,
    window: readU16(bytes, offset + 14),
    urgent: readU16(bytes, offset + 18),
    options: parseTcpOptions(bytes, offset + tcpHeaderBytes, offset + headerBytes),
    payload: headerBytes === length ? noBytes : bytes.subarray(offset + headerBytes, offset + length),
  }
}

/** Length of the header that `encodeSegmentHeader` writes: 20 to 60 bytes. */
export function segmentHeaderBytes(header: SegmentHeader): number {
  return tcpHeaderBytes + tcpOptionsBytes(header.options)
}

/** Writes the header at `offset`, with a checksum of zero, and returns its length. `into` has room for 60 bytes. */
export function encodeSegmentHeader(header: SegmentHeader, into: Uint8Array, offset = 0): number {
  writeU16(into, offset, header.sourcePort)
  writeU16(into, offset + 2, header.destinationPort)
  writeU32(into, offset + 4, header.seq)
  writeU32(into, offset + 8, header.ack)
  const headerBytes = encodeTcpOptions(header.options, into, offset + tcpHeaderBytes) - offset
  into[offset + 12] = (headerBytes / 4) << 4
  into[offset + 13] = header.flags
  writeU16(into, offset + 14, header.window)
  // Checksum, then the urgent pointer.
  writeU32(into, offset + tcpChecksumOffset, header.urgent ?? 0)
  return headerBytes
}
