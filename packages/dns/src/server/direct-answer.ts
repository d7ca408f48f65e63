import { CodedError } from '@tunnel/flow'
import { parseMessage } from '../message/message.ts'
import type { DnsQuestion } from '../message/question.ts'
import type { Rcode } from '../message/rcode.ts'
import type { DnsRecord } from '../message/record.ts'
import type { Answer } from '../resolve/resolver.ts'
import type { DnsReply } from './server.ts'

/** An answer for the program itself, as it would come out of a message: every record has its name. Throws `dns.unanswered`, `dns.malformed`. */
export function toReply(question: DnsQuestion, answer: Answer | undefined, unanswerable: 'refused' | 'servfail' | 'timeout'): DnsReply {
  const given = answer ?? (unanswerable === 'timeout' ? 'DROP' : unanswerable === 'servfail' ? 'SERVFAIL' : 'REFUSED')
  if (given === 'DROP') throw new CodedError('dns.unanswered', `No answer is given for ${question.name} ${question.type}`, { detail: { name: question.name, type: question.type } })
  if (typeof given === 'string') return { rcode: given === 'NODATA' ? 'NOERROR' : given, records: [], authority: [], authoritative: false }
  if (given.raw) return fromRaw(question, given.raw)
  const named = (records: readonly DnsRecord[] = []): readonly DnsRecord[] => records.map((record) => ({ ...record, name: record.name ?? question.name }))
  return { rcode: given.rcode ?? 'NOERROR', records: named(given.records), authority: named(given.authority), authoritative: given.authoritative ?? false }
}

function fromRaw(question: DnsQuestion, raw: Uint8Array): DnsReply {
  const message = parseMessage(raw)
  if (!message) throw new CodedError('dns.malformed', `The answer of another server for ${question.name} ${question.type} is no proper DNS message`, { detail: { name: question.name, type: question.type } })
  const rcode: Rcode = message.rcode
  return { rcode, records: message.answers, authority: message.authority, authoritative: false }
}
