import { readI32, readU16, writeU16, writeU32 } from './big-endian.ts'
import { toSeq, type Seq } from './seq.ts'

/** From the first byte that is there to the one behind the last (RFC 2018 3). */
export type SackBlock = readonly [left: Seq, right: Seq]

/** RFC 7323 3.2. Both wrap as sequence numbers do and are compared in the same way. */
export interface TcpTimestamp {
  readonly value: Seq
  readonly echo: Seq
}

export interface TcpOptions {
  /** RFC 9293 3.7.1: as it came, so that 0 is possible. */
  readonly mss?: number | undefined
  /** RFC 7323 2.2: 0 to 14; what is greater is read as 14 (2.3). */
  readonly windowScale?: number | undefined
  /** RFC 2018 2. */
  readonly sackPermitted?: boolean | undefined
  /** RFC 2018 3: one to four blocks, the first with the newest bytes. */
  readonly sack?: readonly SackBlock[] | undefined
  readonly timestamp?: TcpTimestamp | undefined
}

/** Kinds (RFC 9293 3.2, RFC 2018, RFC 7323). */
const kind = { end: 0, nothing: 1, mss: 2, windowScale: 3, sackPermitted: 4, sack: 5, timestamp: 8 } as const

/** The header's length has four bits: 60 bytes less the fixed twenty. */
export const maxTcpOptionsBytes = 40

const maxWindowScale = 14

/** NOP, NOP, kind 8, length 10: how every segment of a connection with timestamps begins its options. */
const usualTimestamp = 0x01_01_08_0a

/** Shared by all segments without options. */
export const noTcpOptions: TcpOptions = { mss: undefined, windowScale: undefined, sackPermitted: undefined, sack: undefined, timestamp: undefined }

/**
 * Reads the options between `at` and `end`. Unknown ones are passed over by their length (RFC 9293 3.1, MUST-6); from the first
 * with an impossible length on nothing more is believed, and what stood before it counts (MUST-7, as Linux does).
 */
export function parseTcpOptions(bytes: Uint8Array, at: number, end: number): TcpOptions {
  if (at === end) return noTcpOptions
  if (end - at === 12 && readI32(bytes, at) === usualTimestamp) {
    return { mss: undefined, windowScale: undefined, sackPermitted: undefined, sack: undefined, timestamp: readTimestamp(bytes, at + 2) }
  }
  const options: Writable<TcpOptions> = { ...noTcpOptions }
  let next = at
  while (next < end) {
    const present = bytes[next]
    if (present === kind.end) break
    if (present === kind.nothing) {
      next += 1
      continue
    }
    const length = next + 1 < end ? (bytes[next + 1] ?? 0) : 0
    if (length < 2 || next + length > end) break
    readOption(bytes, next, length, options)
    next += length
  }
  return options
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** An option of a known kind with another length than its own is passed over like an unknown one. */
function readOption(bytes: Uint8Array, at: number, length: number, options: Writable<TcpOptions>): void {
  const present = bytes[at]
  if (present === kind.mss && length === 4) options.mss = readU16(bytes, at + 2)
  else if (present === kind.windowScale && length === 3) options.windowScale = Math.min(bytes[at + 2] ?? 0, maxWindowScale)
  else if (present === kind.sackPermitted && length === 2) options.sackPermitted = true
  else if (present === kind.timestamp && length === 10) options.timestamp = readTimestamp(bytes, at)
  else if (present === kind.sack && length >= 10 && (length - 2) % 8 === 0) options.sack = readSack(bytes, at + 2, at + length)
}

function readTimestamp(bytes: Uint8Array, at: number): TcpTimestamp {
  return { value: toSeq(readI32(bytes, at + 2)), echo: toSeq(readI32(bytes, at + 6)) }
}

function readSack(bytes: Uint8Array, at: number, end: number): SackBlock[] {
  const blocks: SackBlock[] = []
  for (let next = at; next < end; next += 8) blocks.push([toSeq(readI32(bytes, next)), toSeq(readI32(bytes, next + 4))])
  return blocks
}

/**
 * Writes the options at `at`, padded to whole words, and returns their length. SACK blocks come last and only as many
 * as there is room for: three beside a timestamp (RFC 2018 3).
 */
export function encodeTcpOptions(options: TcpOptions, into: Uint8Array, at: number): number {
  if (options === noTcpOptions) return 0
  let next = at
  if (options.mss !== undefined) {
    next = writeKind(into, next, kind.mss, 4)
    writeU16(into, next - 2, options.mss)
  }
  if (options.windowScale !== undefined) {
    into[next] = kind.nothing
    next = writeKind(into, next + 1, kind.windowScale, 3)
    into[next - 1] = Math.min(options.windowScale, maxWindowScale)
  }
  if (options.sackPermitted === true) {
    writeU16(into, next, 0x01_01)
    next = writeKind(into, next + 2, kind.sackPermitted, 2)
  }
  if (options.timestamp !== undefined) {
    writeU32(into, next, usualTimestamp)
    writeU32(into, next + 4, options.timestamp.value)
    writeU32(into, next + 8, options.timestamp.echo)
    next += 12
  }
  if (options.sack !== undefined && options.sack.length > 0) next = writeSack(options.sack, into, next, at + maxTcpOptionsBytes)
  return next - at
}

function writeKind(into: Uint8Array, at: number, value: number, length: number): number {
  into[at] = value
  into[at + 1] = length
  return at + length
}

function writeSack(blocks: readonly SackBlock[], into: Uint8Array, at: number, end: number): number {
  const count = Math.min(blocks.length, (end - at - 4) >> 3)
  if (count < 1) return at
  writeU16(into, at, 0x01_01)
  into[at + 2] = kind.sack
  into[at + 3] = 2 + 8 * count
  let next = at + 4
  for (let index = 0; index < count; index += 1) {
    const block = blocks[index]
    writeU32(into, next, block?.[0] ?? 0)
    writeU32(into, next + 4, block?.[1] ?? 0)
    next += 8
  }
  return next
}
