import { CodedError } from '@tunnel/flow'
import type { Answer, AnswerWord, RecordsAnswer } from '../resolve/resolver.ts'
import type { Asked } from '../message/asked.ts'
import { ByteWriter } from '../message/byte-writer.ts'
import { dnssecOkFlag, flag, headerBytes, maxMessageBytes, optBytes, typeNumber } from '../message/header.ts'
import { parseMessage, rcodeNumberOf } from '../message/message.ts'
import { parseOutline, type MessageOutline } from '../message/outline.ts'
import type { Query } from '../message/query-reader.ts'
import { lowerCaseName } from '../message/question.ts'
import { rcodeNumber, type Rcode } from '../message/rcode.ts'
import type { DnsRecord } from '../message/record.ts'
import { writeData } from '../message/record-data.ts'
import { recordTypeName, recordTypeNumber } from '../message/record-type.ts'

/** What we take over UDP ourselves: what every path carries in one piece. */
const ownUdpBytes = 1232
/** Records of an answer that is given again are kept as bytes up to this size. */
const memoBytes = 512

const wordRcodes: Readonly<Record<Exclude<AnswerWord, 'DROP'>, Rcode>> = { NXDOMAIN: 'NXDOMAIN', NODATA: 'NOERROR', REFUSED: 'REFUSED', SERVFAIL: 'SERVFAIL' }
const noRecords: readonly DnsRecord[] = []
const noCounts = [0, 0, 0] as const

/** Writes responses one after another into one buffer: what a call gives is valid until the next. */
export class ResponseWriter {
  readonly #writer = new ByteWriter()
  /** Whether the last response had to leave records out (RFC 2181 9: the client asks again over TCP). */
  truncated = false

  /** An answer without records. The question is repeated if there is one, the OPT record if the query had one. */
  refuse(query: Query, rcode: Rcode): Uint8Array {
    this.#begin(query, maxMessageBytes)
    return this.#end(query, query.flags & flag.opcode, rcodeNumber(rcode), noCounts)
  }

  /** `undefined`: the raw answer is no answer to this question. Throws `dns.invalid-record`, `dns.invalid-name`, `dns.invalid-type`. */
  write(query: Query & { readonly asked: Asked }, answer: Exclude<Answer, 'DROP'>, limit: number): Uint8Array | undefined {
    if (typeof answer === 'string') return this.refuse(query, wordRcodes[answer])
    return answer.raw ? this.#raw(query, answer.raw, limit) : this.#records(query, answer, limit)
  }

  #begin(query: Query, limit: number): void {
    this.truncated = false
    this.#writer.reset(query.edns ? limit - optBytes : limit, query.asked?.question.name)
    this.#writer.at = headerBytes
    if (query.asked) this.#writer.put(query.asked.bytes)
  }

  /** Writes the OPT record and the header. `flags` are those beside the common ones. */
  #end(query: Query, flags: number, rcode: number, counts: readonly [number, number, number]): Uint8Array {
    const writer = this.#writer
    const common = flag.response | flag.recursionAvailable | (query.flags & (flag.recursionDesired | flag.checkingDisabled))
    // What has more than four bits is told in the OPT record; who knows none hears of a failure.
    const told = rcode > 15 && !query.edns ? rcodeNumber('SERVFAIL') : rcode
    if (query.edns) this.#opt(query, told)
    const { bytes, at } = writer
    put16(bytes, 0, query.id)
    put16(bytes, 2, common | flags | (told & flag.rcode) | (this.truncated ? flag.truncated : 0))
    put16(bytes, 4, query.asked ? 1 : 0)
    put16(bytes, 6, counts[0])
    put16(bytes, 8, counts[1])
    put16(bytes, 10, counts[2] + (query.edns ? 1 : 0))
    return bytes.subarray(0, at)
  }

  /** RFC 6891 6.1.2, 6.1.3; the DO bit is copied (RFC 3225 3). */
  #opt(query: Query, rcode: number): void {
    const writer = this.#writer
    writer.limit += optBytes
    writer.u8(0)
    writer.u16(typeNumber.OPT)
    writer.u16(ownUdpBytes)
    writer.u8(rcode >>> 4)
    writer.u8(0)
    writer.u16(query.dnssecOk ? dnssecOkFlag : 0)
    writer.u16(0)
  }

  #records(query: Query & { readonly asked: Asked }, answer: RecordsAnswer, limit: number): Uint8Array {
    this.#begin(query, limit)
    const writer = this.#writer
    const rcode = answer.rcode === undefined ? 0 : rcodeNumber(answer.rcode)
    const flags = answer.authoritative === true ? flag.authoritative : 0
    const { memo } = query.asked
    const start = writer.at
    if (memo?.answer === answer && start + memo.records.length <= writer.limit) {
      writer.put(memo.records)
      return this.#end(query, flags, rcode, memo.counts)
    }
    const answers = this.#section(query.asked, answer.records, true)
    const authority = this.#section(query.asked, answer.authority ?? noRecords, true)
    const additional = this.#section(query.asked, answer.additional ?? noRecords, false)
    const counts = [answers, authority, additional] as const
    if (!this.truncated && !writer.full && writer.at - start <= memoBytes) query.asked.memo = { answer, records: writer.bytes.slice(start, writer.at), counts }
    writer.full = false
    return this.#end(query, flags, rcode, counts)
  }

  /** As many whole records as fit. What is missing of a section that is `needed` makes the response a truncated one (RFC 2181 9). */
  #section(asked: Asked, records: readonly DnsRecord[], needed: boolean): number {
    if (this.truncated) return 0
    let count = 0
    for (const record of records) {
      const start = this.#writer.at
      this.#record(asked, record)
      if (this.#writer.full) {
        this.#writer.rewind(start)
        this.truncated ||= needed
        return count
      }
      count += 1
    }
    return count
  }

  #record(asked: Asked, record: DnsRecord): void {
    const writer = this.#writer
    const { name, type, ttl } = record
    const { question } = asked
    // The question's name, in the case that the client wrote: a pointer to it.
    if (name === undefined || name === question.name || lowerCaseName(name) === question.key) writer.u16(0xc000 | headerBytes)
    else writer.name(name, true)
    writer.u16(type === question.type ? questionType(asked) : requireType(type))
    writer.u16(1)
    writer.u32(Math.min(Math.max(Math.floor(ttl), 0), 0x7fff_ffff))
    const lengthAt = writer.at
    writer.u16(0)
    writeData(writer, record)
    const length = writer.at - lengthAt - 2
    if (writer.full || length > 65_535) writer.full = true
    else put16(writer.bytes, lengthAt, length)
  }

  #raw(query: Query & { readonly asked: Asked }, raw: Uint8Array, limit: number): Uint8Array | undefined {
    const outline = raw.length <= maxMessageBytes ? parseOutline(raw) : undefined
    if (!outline || !answersTo(outline, query.asked)) return undefined
    const { opt, records } = outline
    // Behind an OPT record in the middle, pointers would no longer be right.
    if (opt && opt !== records.at(-1)) return this.#rewritten(query, raw, limit)
    this.#begin(query, limit)
    const writer = this.#writer
    const counts: [number, number, number] = [0, 0, 0]
    let end = outline.questionEnd
    for (const record of records) {
      if (record === opt) break
      if (record.end > writer.limit) {
        this.truncated = record.section !== 'additional'
        break
      }
      counts[sections[record.section]] += 1
      end = record.end
    }
    writer.put(raw.subarray(outline.questionEnd, end))
    return this.#end(query, outline.flags & flag.truncated, rcodeNumberOf(outline), counts)
  }

  #rewritten(query: Query & { readonly asked: Asked }, raw: Uint8Array, limit: number): Uint8Array | undefined {
    const message = parseMessage(raw)
    return message && this.#records(query, { records: message.answers, authority: message.authority, additional: message.additional, rcode: message.rcode }, limit)
  }
}

const sections = { answer: 0, authority: 1, additional: 2 } as const

/** A response to this very question; letters may have changed case. Its question is then as long as the client's, so that pointers to it stay right. */
function answersTo(outline: MessageOutline, { question, bytes }: Asked): boolean {
  const asked = outline.question
  if (!asked || (outline.flags & flag.response) === 0 || outline.questionEnd !== headerBytes + bytes.length) return false
  return asked.class === 1 && recordTypeName(asked.type) === question.type && lowerCaseName(asked.name) === question.key
}

const questionType = ({ bytes }: Asked): number => (bytes[bytes.length - 4] ?? 0) * 256 + (bytes[bytes.length - 3] ?? 0)

function requireType(type: string): number {
  const number = recordTypeNumber(type)
  if (number === undefined) throw new CodedError('dns.invalid-type', `'${type}' is no record type: write a mnemonic such as AAAA, or TYPE65`, { detail: { type } })
  return number
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value & 0xff
}
