import { copyBytes, type Milliseconds } from '@tunnel/flow'
import { flag, typeNumber } from '../message/header.ts'
import { parseOutline, type MessageOutline } from '../message/outline.ts'
import type { DnsQuestion } from '../message/question.ts'
import type { DnsRecord } from '../message/record.ts'
import { recordTypeNumber } from '../message/record-type.ts'
import { finalName, soaOf } from './bailiwick.ts'
import type { Answer, RecordsAnswer } from './resolver.ts'

/** Seconds, all of them. */
export interface LifetimeLimits {
  /** However long the answer says. */
  readonly mostTtl: number
  /** The same for answers that there is nothing. */
  readonly mostNegativeTtl: number
  /** For SERVFAIL (RFC 2308 7.1, RFC 9520 3.2: at least a second, not more than five minutes). */
  readonly failureTtl: number
}

/** An answer that is kept: how long, and what it says at a later time. */
export interface CachedAnswer {
  readonly storedAt: Milliseconds
  /** Seconds. */
  readonly ttl: number
  /** SERVFAIL: better than nothing only when there is nothing. */
  readonly isFailure: boolean
  readonly bytes: number
  /** With its TTLs less by `age` seconds; the same object for the same age. */
  at(age: number): Answer
  /** With every TTL set (RFC 8767 4). */
  withTtl(ttl: number): Answer
}

const rcodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 } as const

/** `undefined`: not to be kept. Words have no time in them (RFC 2308 5: without a SOA, nothing negative is kept). */
export function cachedAnswerOf(answer: Answer, question: DnsQuestion, limits: LifetimeLimits, now: Milliseconds): CachedAnswer | undefined {
  if (answer === 'SERVFAIL') return limits.failureTtl > 0 ? kept(now, limits.failureTtl, true, 0, () => answer) : undefined
  if (typeof answer === 'string') return undefined
  return answer.raw === undefined ? keptRecords(answer, limits, now) : keptMessage(answer.raw, question, limits, now)
}

type AtTtl = (ttlOf: (ttl: number) => number) => Answer

function kept(storedAt: Milliseconds, ttl: number, isFailure: boolean, bytes: number, make: AtTtl): CachedAnswer {
  let last: { readonly age: number; readonly answer: Answer } | undefined
  return {
    storedAt,
    ttl,
    isFailure,
    bytes,
    at(age) {
      if (last?.age !== age) last = { age, answer: make((given) => Math.max(0, Math.min(given, ttl) - age)) }
      return last.answer
    },
    withTtl: (given) => make(() => given),
  }
}

/** Rough: what a record costs beside its data. */
const recordWeight = 200

function keptRecords(answer: RecordsAnswer, limits: LifetimeLimits, now: Milliseconds): CachedAnswer | undefined {
  const { records, authority = [], additional = [], rcode = 'NOERROR' } = answer
  const isNegative = rcode === 'NXDOMAIN' || (rcode === 'NOERROR' && records.length === 0)
  const soa = authority.find((record) => record.type === 'SOA')
  const ttl = rcode === 'SERVFAIL' ? limits.failureTtl : isNegative ? negativeTtl(soa && { ttl: soa.ttl, minimum: soa.data.minimum }, limits) : rcode === 'NOERROR' ? positiveTtl(records, limits) : 0
  if (ttl <= 0) return undefined
  const bytes = recordWeight * (records.length + authority.length + additional.length)
  return kept(now, ttl, rcode === 'SERVFAIL', bytes, (ttlOf) => {
    const age = (list: readonly DnsRecord[]): DnsRecord[] => list.map((record) => Object.assign({ ...record }, { ttl: ttlOf(record.ttl) }))
    return { ...answer, records: age(records), authority: age(authority), additional: age(additional) }
  })
}

function keptMessage(raw: Uint8Array, question: DnsQuestion, limits: LifetimeLimits, now: Milliseconds): CachedAnswer | undefined {
  const outline = parseOutline(raw)
  if (!outline || (outline.flags & flag.truncated) !== 0) return undefined
  const ttl = messageTtl(outline, question, limits)
  if (ttl <= 0) return undefined
  // A copy: the bytes may be a part of a larger buffer.
  const bytes = copyBytes(raw)
  const places = outline.records.filter(({ type }) => type !== typeNumber.OPT).map(({ ttlAt, ttl: given }) => ({ ttlAt, given }))
  return kept(now, ttl, rcodeOf(outline) === rcodes.SERVFAIL, bytes.length + 24 * places.length, (ttlOf) => {
    const aged = copyBytes(bytes)
    const view = new DataView(aged.buffer)
    for (const { ttlAt, given } of places) view.setUint32(ttlAt, ttlOf(given))
    return { raw: aged }
  })
}

function messageTtl(outline: MessageOutline, question: DnsQuestion, limits: LifetimeLimits): number {
  const type = recordTypeNumber(question.type)
  const final = type === undefined ? undefined : finalName(outline, { key: question.key, type })
  if (final === undefined) return 0
  const answers = outline.records.filter(({ section }) => section === 'answer')
  switch (rcodeOf(outline)) {
    case rcodes.SERVFAIL:
      return limits.failureTtl
    case rcodes.NXDOMAIN:
      return negativeTtl(soaOf(outline, final), limits, answers)
    case rcodes.NOERROR: {
      // Aliases alone, with nothing at their end, say that there is nothing (RFC 2308 2.2).
      const isNodata = !answers.some((place) => place.type === type || type === 255)
      return isNodata ? negativeTtl(soaOf(outline, final), limits, answers) : positiveTtl(answers, limits)
    }
    default:
      return 0
  }
}

function rcodeOf({ flags, opt, bytes }: MessageOutline): number {
  return (flags & flag.rcode) | (opt ? (bytes[opt.ttlAt] ?? 0) << 4 : 0)
}

function positiveTtl(records: readonly { readonly ttl: number }[], { mostTtl }: LifetimeLimits): number {
  return Math.min(mostTtl, ...records.map(({ ttl }) => ttl))
}

/** RFC 2308 5: as long as the lesser of the SOA's TTL and its MINIMUM; with aliases in front, not longer than these. */
function negativeTtl(soa: { readonly ttl: number; readonly minimum: number } | undefined, limits: LifetimeLimits, aliases: readonly { readonly ttl: number }[] = []): number {
  return soa ? Math.min(limits.mostNegativeTtl, soa.ttl, soa.minimum, ...aliases.map(({ ttl }) => ttl)) : 0
}
