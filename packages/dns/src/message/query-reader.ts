import { AskedQuestions, type Asked } from './asked.ts'
import { ByteReader } from './byte-reader.ts'
import { dnssecOkFlag, flag, headerBytes, plainUdpBytes, typeNumber } from './header.ts'
import { maxLabelBytes, maxNameBytes } from './name.ts'
import { refusals, type QueryRefusal } from './refusal.ts'

/** What an answer needs to know of its query. */
export interface Query {
  readonly id: number
  /** The second 16-bit word of the header. */
  readonly flags: number
  /** Missing when the message was refused before its question was read. */
  readonly asked: Asked | undefined
  /** There was an OPT record, so the answer has one. */
  readonly edns: boolean
  /** What the client takes over UDP: 512 without EDNS0. */
  readonly udpBytes: number
  readonly dnssecOk: boolean
}

/** The most records that a query carries beside its question: OPT, and a signature. */
const maxAdditional = 16

/**
 * Reads queries in place, one after another: the common one - a question of class IN, and perhaps an OPT record - with no object made. Strict: what a
 * well-behaved client would not send is refused, with a reason.
 */
export class QueryReader implements Query {
  id = 0
  flags = 0
  asked: Asked | undefined
  edns = false
  udpBytes = plainUdpBytes
  dnssecOk = false
  #version = 0
  /** Labels, records and options looked at in the last message. */
  steps = 0
  readonly #questions = new AskedQuestions()
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0

  /** A refusal, or `undefined`: then all the fields are of this query, and `asked` is there. The bytes are not kept. */
  read(bytes: Uint8Array): QueryRefusal | undefined {
    this.#bytes = bytes
    this.asked = undefined
    this.edns = false
    this.udpBytes = plainUdpBytes
    this.dnssecOk = false
    this.steps = 0
    if (bytes.length < headerBytes) return refusals.short
    this.id = this.#u16(0)
    this.flags = this.#u16(2)
    if ((this.flags & flag.response) !== 0) return refusals.response
    if ((this.flags & flag.opcode) !== 0) return refusals.opcode
    return this.#readCounts() ?? this.#readQuestion() ?? this.#readAdditional(this.#u16(10)) ?? this.#judgeQuestion()
  }

  #readCounts(): QueryRefusal | undefined {
    const questions = this.#u16(4)
    if (questions !== 1) return questions === 0 ? refusals['no-question'] : refusals['several-questions']
    if (this.#u16(6) !== 0 || this.#u16(8) !== 0 || this.#u16(10) > maxAdditional) return refusals.records
    return undefined
  }

  #readQuestion(): QueryRefusal | undefined {
    const bytes = this.#bytes
    let at = headerBytes
    let hash = 0x81_1c_9d_c5
    for (;;) {
      const size = bytes[at]
      this.steps += 1
      if (size === undefined) return refusals.truncated
      if (size > maxLabelBytes) return size >= 0xc0 ? refusals.pointer : refusals.label
      const end = at + 1 + size
      if (end - headerBytes + (size === 0 ? 0 : 1) > maxNameBytes) return refusals['long-name']
      if (end > bytes.length) return refusals.truncated
      for (; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01_00_01_93)
      if (size === 0) break
    }
    const end = at + 4
    if (end > bytes.length) return refusals.truncated
    for (; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01_00_01_93)
    this.asked = this.#questions.at(bytes, headerBytes, end, hash ^ (hash >>> 15))
    this.#at = end
    return undefined
  }

  #readAdditional(count: number): QueryRefusal | undefined {
    for (let left = count; left > 0; left -= 1) {
      const refusal = this.#readRecord()
      if (refusal) {
        this.edns = false
        return refusal
      }
    }
    return this.#at === this.#bytes.length ? undefined : refusals.trailing
  }

  /** One additional record. Only OPT has a meaning here. */
  #readRecord(): QueryRefusal | undefined {
    const bytes = this.#bytes
    const isRoot = bytes[this.#at] === 0
    if (!this.#skipName()) return refusals['bad-name']
    const at = this.#at
    const dataEnd = at + 10 + this.#u16(at + 8)
    if (at + 10 > bytes.length || dataEnd > bytes.length) return refusals.truncated
    this.#at = dataEnd
    if (this.#u16(at) !== typeNumber.OPT) return undefined
    if (!isRoot || this.edns || !this.#hasWholeOptions(at + 10, dataEnd)) return refusals['bad-opt']
    this.edns = true
    // RFC 6891 6.2.3: less than 512 means 512.
    this.udpBytes = Math.max(this.#u16(at + 2), plainUdpBytes)
    this.dnssecOk = (this.#u16(at + 6) & dnssecOkFlag) !== 0
    this.#version = bytes[at + 5] ?? 0
    return undefined
  }

  /** The owner of an additional record. Of OPT it is the root, of a signature a whole name: no common query comes here with anything else. */
  #skipName(): boolean {
    this.steps += 1
    if (this.#bytes[this.#at] === 0) {
      this.#at += 1
      return true
    }
    const reader = new ByteReader(this.#bytes, this.#at)
    reader.name()
    this.steps += reader.steps
    this.#at = reader.at
    return !reader.failed
  }

  /** RFC 6891 6.1.2: code, length, data, until the end. */
  #hasWholeOptions(from: number, end: number): boolean {
    let at = from
    while (at + 4 <= end) {
      this.steps += 1
      at += 4 + this.#u16(at + 2)
    }
    return at === end
  }

  #judgeQuestion(): QueryRefusal | undefined {
    if (this.edns && this.#version !== 0) return refusals['edns-version']
    const bytes = this.asked?.bytes ?? this.#bytes
    const at = bytes.length - 4
    const type = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
    if (bytes[at + 2] !== 0 || bytes[at + 3] !== 1) return refusals.class
    if (type === 0 || type === typeNumber.OPT) return refusals.type
    // 249 TKEY, 250 TSIG, 251 IXFR, 252 AXFR, 253 MAILB, 254 MAILA
    if (type >= 249 && type <= 254) return type === 251 || type === 252 ? refusals.transfer : refusals['meta-type']
    return undefined
  }

  #u16(at: number): number {
    return (this.#bytes[at] ?? 0) * 256 + (this.#bytes[at + 1] ?? 0)
  }
}
