import { ByteReader } from './byte-reader.ts'
import { headerBytes, typeNumber } from './header.ts'

export type Section = 'answer' | 'authority' | 'additional'

/** Where one record of a message stands. Offsets are from the start of the message. */
export interface RecordPlace {
  readonly section: Section
  readonly owner: string
  readonly type: number
  readonly class: number
  readonly ttl: number
  readonly start: number
  /** The four bytes of the TTL. */
  readonly ttlAt: number
  readonly dataAt: number
  readonly end: number
}

/** The parts of a message, its records not yet read. OPT (RFC 6891) is one of the additional ones. */
export interface MessageOutline {
  readonly bytes: Uint8Array
  readonly id: number
  /** The second 16-bit word of the header: see `flag`. */
  readonly flags: number
  /** The one question; a message without one (some servers leave it out of a FORMERR) has none here. */
  readonly question: { readonly name: string; readonly type: number; readonly class: number } | undefined
  /** After the question. */
  readonly questionEnd: number
  readonly records: readonly RecordPlace[]
  readonly opt: RecordPlace | undefined
  /** What it cost: labels and pointers looked at. */
  readonly steps: number
}

/** `undefined` for what is no whole DNS message with at most one question and one OPT, and nothing after its end. */
export function parseOutline(bytes: Uint8Array): MessageOutline | undefined {
  const reader = new ByteReader(bytes)
  const [id, flags, questions, ...counts] = [reader.u16(), reader.u16(), reader.u16(), reader.u16(), reader.u16(), reader.u16()]
  if (reader.failed || bytes.length < headerBytes || (questions ?? 0) > 1) return undefined
  const question = questions === 1 ? { name: reader.name(), type: reader.u16(), class: reader.u16() } : undefined
  const questionEnd = reader.at
  const records: RecordPlace[] = []
  for (const [index, section] of (['answer', 'authority', 'additional'] as const).entries()) {
    for (let left = counts[index] ?? 0; left > 0 && !reader.failed; left -= 1) records.push(readPlace(reader, section))
  }
  if (reader.failed || reader.at !== bytes.length) return undefined
  const opts = records.filter(({ type }) => type === typeNumber.OPT)
  // RFC 6891 6.1.1: at most one, in the additional section, of the root.
  if (opts.length > 1 || opts.some(({ section, owner }) => section !== 'additional' || owner !== '')) return undefined
  return { bytes, id: id ?? 0, flags: flags ?? 0, question, questionEnd, records, opt: opts[0], steps: reader.steps }
}

function readPlace(reader: ByteReader, section: Section): RecordPlace {
  const start = reader.at
  const owner = reader.name()
  const type = reader.u16()
  const recordClass = reader.u16()
  const ttlAt = reader.at
  const ttl = reader.u32()
  const length = reader.u16()
  const dataAt = reader.at
  reader.at += length
  if (reader.at > reader.bytes.length) reader.failed = true
  // RFC 2181 8: the most significant bit set means 0.
  return { section, owner, type, class: recordClass, ttl: ttl > 0x7fff_ffff ? 0 : ttl, start, ttlAt, dataAt, end: reader.at }
}
