import { ByteReader } from './byte-reader.ts'
import { flag, typeNumber } from './header.ts'
import { parseOutline, type MessageOutline, type Section } from './outline.ts'
import { rcodeName, type Rcode } from './rcode.ts'
import type { DnsRecord } from './record.ts'
import { parseRecord } from './record-data.ts'
import { recordTypeName, type RecordType } from './record-type.ts'

/** A whole message, read. The OPT record is not among the additional ones: `outline.opt` has its place. */
export interface DnsMessage {
  readonly id: number
  readonly isResponse: boolean
  /** `QUERY` is 0. */
  readonly opcode: number
  readonly authoritative: boolean
  readonly truncated: boolean
  readonly recursionDesired: boolean
  readonly recursionAvailable: boolean
  /** With the upper bits of the OPT record. */
  readonly rcode: Rcode
  readonly question: { readonly name: string; readonly type: RecordType } | undefined
  readonly answers: readonly DnsRecord[]
  readonly authority: readonly DnsRecord[]
  readonly additional: readonly DnsRecord[]
  readonly outline: MessageOutline
}

/** `undefined` for what is no whole, well-formed message of class IN. Never throws; costs at most a few steps a byte. */
export function parseMessage(bytes: Uint8Array): DnsMessage | undefined {
  const outline = parseOutline(bytes)
  if (!outline) return undefined
  const reader = new ByteReader(bytes)
  const sections: Record<Section, DnsRecord[]> = { answer: [], authority: [], additional: [] }
  for (const place of outline.records) {
    if (place.type === typeNumber.OPT) continue
    const record = place.class === 1 ? parseRecord(reader, place) : undefined
    if (!record) return undefined
    sections[place.section].push(record)
  }
  const { id, flags, question } = outline
  return {
    id,
    isResponse: (flags & flag.response) !== 0,
    opcode: (flags & flag.opcode) >>> 11,
    authoritative: (flags & flag.authoritative) !== 0,
    truncated: (flags & flag.truncated) !== 0,
    recursionDesired: (flags & flag.recursionDesired) !== 0,
    recursionAvailable: (flags & flag.recursionAvailable) !== 0,
    rcode: rcodeName(rcodeNumberOf(outline)),
    question: question && { name: question.name, type: recordTypeName(question.type) },
    answers: sections.answer,
    authority: sections.authority,
    additional: sections.additional,
    outline,
  }
}

/** 0 to 4095: four bits of the header and eight of the OPT record (RFC 6891 6.1.3). */
export function rcodeNumberOf({ flags, opt, bytes }: MessageOutline): number {
  return (flags & flag.rcode) | (opt ? (bytes[opt.ttlAt] ?? 0) << 4 : 0)
}
