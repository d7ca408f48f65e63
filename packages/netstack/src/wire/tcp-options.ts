import type { Seq } from '../tcp/seq.ts'
import { readI32, readU16, writeU32 } from './big-endian.ts'

/** Bytes from `start` up to but not including `end` have arrived (RFC 2018 3). */
export interface SackBlock {
  readonly start: Seq
  readonly end: Seq
}

/** RFC 7323 3.2, both unsigned 32-bit numbers as signed integers. */
export interface TcpTimestamp {
  readonly value: number
  readonly echo: number
}

/** What is understood of a segment's options. All members are always there, so that all have one shape. */
export interface TcpOptions {
  /** As it came, so that 0 is possible. */
  readonly mss: number | undefined
  /** 0 to 14; larger ones mean 14 (RFC 7323 2.3). */
  readonly windowScale: number | undefined
  readonly sackPermitted: boolean
  readonly sack: readonly SackBlock[]
  readonly timestamp: TcpTimestamp | undefined
}

const noBlocks: readonly SackBlock[] = []
/** Shared by all segments without options. */
export const noTcpOptions: TcpOptions = { mss: undefined, windowScale: undefined, sackPermitted: false, sack: noBlocks, timestamp: undefined }

const kind = { end: 0, nop: 1, mss: 2, windowScale: 3, sackPermitted: 4, sack: 5, timestamp: 8 } as const
const maxWindowScale = 14

/** The header's length has four bits: 60 bytes less the fixed twenty. */
const maxTcpOptionsBytes = 40

/** NOP, NOP, kind 8, length 10: how nearly every segment of a connection with timestamps begins its options. */
const usualTimestamp = (kind.nop << 24) | (kind.nop << 16) | (kind.timestamp << 8) | 10

/**
 * Options between `start` and `end`. Unknown ones are passed over by their length (RFC 9293 MUST-6). From the first with an
 * impossible length on nothing more is read, and what stood before it counts (MUST-7; so does Linux).
 */
export function parseTcpOptions(bytes: Uint8Array, start: number, end: number): TcpOptions {
  if (start === end) return noTcpOptions
  let { mss, windowScale, sackPermitted, sack, timestamp } = noTcpOptions
  if (end - start === 12 && readI32(bytes, start) === usualTimestamp) {
    timestamp = { value: readI32(bytes, start + 4), echo: readI32(bytes, start + 8) }
    return { mss, windowScale, sackPermitted, sack, timestamp }
  }
  for (let at = start; at < end; ) {
    const type = bytes[at] ?? kind.end
    if (type === kind.end) break
    if (type === kind.nop) {
      at += 1
      continue
    }
    const length = at + 1 < end ? (bytes[at + 1] ?? 0) : 0
    if (length < 2 || at + length > end) break
    // A known kind with a length that is not its own is passed over like an unknown one.
    if (type === kind.mss && length === 4) mss = readU16(bytes, at + 2)
    else if (type === kind.windowScale && length === 3) windowScale = Math.min(bytes[at + 2] ?? 0, maxWindowScale)
    else if (type === kind.sackPermitted && length === 2) sackPermitted = true
    else if (type === kind.sack && length % 8 === 2 && length > 2) sack = parseBlocks(bytes, at + 2, at + length)
    else if (type === kind.timestamp && length === 10) timestamp = { value: readI32(bytes, at + 2), echo: readI32(bytes, at + 6) }
    at += length
  }
  return { mss, windowScale, sackPermitted, sack, timestamp }
}

function parseBlocks(bytes: Uint8Array, start: number, end: number): SackBlock[] {
  const blocks: SackBlock[] = []
  for (let at = start; at < end; at += 8) blocks.push({ start: readI32(bytes, at) as Seq, end: readI32(bytes, at + 4) as Seq })
  return blocks
}

/** What `encodeTcpOptions` writes, in bytes: whole words of four, at most 40. */
export function tcpOptionsBytes(options: TcpOptions): number {
  const fixed = fixedBytes(options)
  const blocks = sackBlocksThatFit(options, fixed)
  return fixed + (blocks > 0 ? 4 + 8 * blocks : 0)
}

function fixedBytes({ mss, windowScale, sackPermitted, timestamp }: TcpOptions): number {
  return (mss === undefined ? 0 : 4) + (windowScale === undefined ? 0 : 4) + (sackPermitted ? 4 : 0) + (timestamp ? 12 : 0)
}

/** The first ones, which are the newest: three beside a timestamp, else four (RFC 2018 3). */
function sackBlocksThatFit({ sack }: TcpOptions, fixed: number): number {
  return Math.min(sack.length, (maxTcpOptionsBytes - fixed - 4) >> 3)
}

/** Writes at `offset` and returns where it ended. Each option is aligned by NOPs in front of it, as RFC 7323 A and 2018 show. */
export function encodeTcpOptions(options: TcpOptions, into: Uint8Array, offset: number): number {
  if (options === noTcpOptions) return offset
  const { mss, windowScale, sackPermitted, sack, timestamp } = options
  let at = offset
  if (mss !== undefined) at = put(into, at, (kind.mss << 24) | (4 << 16) | (mss & 0xffff))
  if (sackPermitted) at = put(into, at, (kind.nop << 24) | (kind.nop << 16) | (kind.sackPermitted << 8) | 2)
  if (timestamp) {
    at = put(into, at, usualTimestamp)
    at = put(into, at, timestamp.value)
    at = put(into, at, timestamp.echo)
  }
  if (windowScale !== undefined) at = put(into, at, (kind.nop << 24) | (kind.windowScale << 16) | (3 << 8) | Math.min(windowScale, maxWindowScale))
  const blocks = sackBlocksThatFit(options, at - offset)
  if (blocks < 1) return at
  at = put(into, at, (kind.nop << 24) | (kind.nop << 16) | (kind.sack << 8) | (2 + 8 * blocks))
  for (let index = 0; index < blocks; index += 1) {
    at = put(into, at, sack[index]?.start ?? 0)
    at = put(into, at, sack[index]?.end ?? 0)
  }
  return at
}

function put(into: Uint8Array, at: number, value: number): number {
  writeU32(into, at, value)
  return at + 4
}
