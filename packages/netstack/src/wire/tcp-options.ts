import type { Seq } from '../tcp/seq.ts'

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
  readonly mss: number | undefined
  /** 0 to 14; larger ones mean 14 (RFC 7323 2.3). */
  readonly windowScale: number | undefined
  readonly sackPermitted: boolean
  readonly sack: readonly SackBlock[]
  readonly timestamp: TcpTimestamp | undefined
}

const noBlocks: readonly SackBlock[] = []
export const noTcpOptions: TcpOptions = { mss: undefined, windowScale: undefined, sackPermitted: false, sack: noBlocks, timestamp: undefined }

const kind = { end: 0, nop: 1, mss: 2, windowScale: 3, sackPermitted: 4, sack: 5, timestamp: 8 } as const
const maxWindowScale = 14

/** Options between `start` and `end`; undefined when a length is impossible. Unknown ones are passed over (RFC 9293 MUST-6). */
export function parseTcpOptions(bytes: Uint8Array, start: number, end: number): TcpOptions | undefined {
  let { mss, windowScale, sackPermitted, sack, timestamp } = noTcpOptions
  for (let at = start; at < end; ) {
    const type = bytes[at] ?? kind.end
    if (type === kind.end) break
    if (type === kind.nop) {
      at += 1
      continue
    }
    const length = at + 1 < end ? (bytes[at + 1] ?? 0) : 0
    // RFC 9293 MUST-7: a length below two would never end.
    if (length < 2 || at + length > end) return undefined
    if (type === kind.mss && length === 4) mss = int32(bytes, at) & 0xffff
    else if (type === kind.windowScale && length === 3) windowScale = Math.min(bytes[at + 2] ?? 0, maxWindowScale)
    else if (type === kind.sackPermitted && length === 2) sackPermitted = true
    else if (type === kind.sack && length % 8 === 2 && length > 2) sack = parseBlocks(bytes, at + 2, at + length)
    else if (type === kind.timestamp && length === 10) timestamp = { value: int32(bytes, at + 2), echo: int32(bytes, at + 6) }
    at += length
  }
  return { mss, windowScale, sackPermitted, sack, timestamp }
}

function parseBlocks(bytes: Uint8Array, start: number, end: number): SackBlock[] {
  const blocks: SackBlock[] = []
  for (let at = start; at < end; at += 8) blocks.push({ start: int32(bytes, at) as Seq, end: int32(bytes, at + 4) as Seq })
  return blocks
}

/** Padded to words of four bytes. */
export function tcpOptionsBytes(options: TcpOptions): number {
  const { mss, windowScale, sackPermitted, sack, timestamp } = options
  return (
    (mss === undefined ? 0 : 4) + (windowScale === undefined ? 0 : 4) + (sackPermitted ? 4 : 0) + (timestamp ? 12 : 0) + (sack.length > 0 ? 4 + 8 * sack.length : 0)
  )
}

/** Writes at `offset` and returns where it ended. Each option is aligned by NOPs in front of it, as RFC 7323 A and 2018 show. */
export function encodeTcpOptions(options: TcpOptions, into: Uint8Array, offset: number): number {
  const { mss, windowScale, sackPermitted, sack, timestamp } = options
  let at = offset
  if (mss !== undefined) at = putInt32(into, at, (kind.mss << 24) | (4 << 16) | mss)
  if (sackPermitted) at = putInt32(into, at, (kind.nop << 24) | (kind.nop << 16) | (kind.sackPermitted << 8) | 2)
  if (timestamp) {
    at = putInt32(into, at, (kind.nop << 24) | (kind.nop << 16) | (kind.timestamp << 8) | 10)
    at = putInt32(into, at, timestamp.value)
    at = putInt32(into, at, timestamp.echo)
  }
  if (windowScale !== undefined) at = putInt32(into, at, (kind.nop << 24) | (kind.windowScale << 16) | (3 << 8) | windowScale)
  if (sack.length === 0) return at
  at = putInt32(into, at, (kind.nop << 24) | (kind.nop << 16) | (kind.sack << 8) | (2 + 8 * sack.length))
  for (const { start, end } of sack) {
    at = putInt32(into, at, start)
    at = putInt32(into, at, end)
  }
  return at
}

function int32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
}

function putInt32(into: Uint8Array, at: number, value: number): number {
  into[at] = value >> 24
  into[at + 1] = value >> 16
  into[at + 2] = value >> 8
  into[at + 3] = value
  return at + 4
}
