import type { Seq } from '../tcp/seq.ts'
import { encodeTcpOptions, noTcpOptions, parseTcpOptions, tcpOptionsBytes, type TcpOptions } from './tcp-options.ts'

/** Control bits (RFC 9293 3.1). */
export const tcpFlag = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20, ece: 0x40, cwr: 0x80 } as const

export const tcpHeaderBytes = 20
/** The data offset counts up to fifteen words of four bytes. */
export const maxTcpHeaderBytes = 60

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
  readonly options: TcpOptions
}

export interface Segment extends SegmentHeader {
  /** Borrowed: it lies in the packet. */
  readonly payload: Uint8Array
}

/** `length` bytes from `offset` on as a segment. The checksum is not looked at: it covers a pseudo header too. */
export function parseSegment(bytes: Uint8Array, offset: number, length: number): Segment | undefined {
  if (length < tcpHeaderBytes || offset + length > bytes.length) return undefined
  const headerBytes = (byteAt(bytes, offset + 12) >> 4) * 4
  if (headerBytes < tcpHeaderBytes || headerBytes > length) return undefined
  const options = headerBytes === tcpHeaderBytes ? noTcpOptions : parseTcpOptions(bytes, offset + tcpHeaderBytes, offset + headerBytes)
  if (!options) return undefined
  return {
    sourcePort: uint16(bytes, offset),
    destinationPort: uint16(bytes, offset + 2),
    seq: int32(bytes, offset + 4) as Seq,
    ack: int32(bytes, offset + 8) as Seq,
    flags: byteAt(bytes, offset + 13),
    window: uint16(bytes, offset + 14),
    options,
    payload: bytes.subarray(offset + headerBytes, offset + length),
  }
}

/** Length of the header that `encodeSegmentHeader` writes: 20 to 60 bytes. */
export function segmentHeaderBytes(header: SegmentHeader): number {
  return tcpHeaderBytes + tcpOptionsBytes(header.options)
}

/** Writes the header at `offset`, with a checksum of zero, and returns its length. `into` has room for 60 bytes. */
export function encodeSegmentHeader(header: SegmentHeader, into: Uint8Array, offset = 0): number {
  putUint16(into, offset, header.sourcePort)
  putUint16(into, offset + 2, header.destinationPort)
  putInt32(into, offset + 4, header.seq)
  putInt32(into, offset + 8, header.ack)
  const end = encodeTcpOptions(header.options, into, offset + tcpHeaderBytes)
  const headerBytes = end - offset
  into[offset + 12] = (headerBytes / 4) << 4
  into[offset + 13] = header.flags
  putUint16(into, offset + 14, header.window)
  // Checksum, then the urgent pointer, which we never set (RFC 6093).
  putInt32(into, offset + 16, 0)
  return headerBytes
}

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0
const uint16 = (bytes: Uint8Array, at: number): number => (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1)
const int32 = (bytes: Uint8Array, at: number): number => (uint16(bytes, at) << 16) | uint16(bytes, at + 2)

function putUint16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >> 8
  into[at + 1] = value
}

function putInt32(into: Uint8Array, at: number, value: number): void {
  putUint16(into, at, value >> 16)
  putUint16(into, at + 2, value)
}
