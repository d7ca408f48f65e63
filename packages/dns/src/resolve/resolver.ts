import type { Endpoint } from '@tunnel/flow'
import type { DnsQuestion } from '../message/question.ts'
import type { Rcode } from '../message/rcode.ts'
import type { DnsRecord } from '../message/record.ts'

/** The name exists and has no record of this type: `NODATA`. Say nothing at all: `DROP`. */
export type AnswerWord = 'NXDOMAIN' | 'NODATA' | 'REFUSED' | 'SERVFAIL' | 'DROP'

export interface RecordsAnswer {
  readonly records: readonly DnsRecord[]
  /** `NOERROR` by default. */
  readonly rcode?: Rcode
  /** True: the AA bit. False by default. */
  readonly authoritative?: boolean
  /** For a negative answer, the SOA by which it may be kept (RFC 2308). */
  readonly authority?: readonly DnsRecord[]
  readonly additional?: readonly DnsRecord[]
  readonly raw?: undefined
}

/**
 * A whole response message of another server, passed on: the server puts in the client's id, question and flags, takes the OPT record out
 * (it is for one hop only, RFC 6891 6.1.1), and truncates. The bytes are only read.
 */
export interface RawAnswer {
  readonly raw: Uint8Array
}

export type Answer = RecordsAnswer | RawAnswer | AnswerWord

/** Around a question. Getters make what costs something only when it is asked for. */
export interface ResolveContext {
  /** Who asks; nobody when it is the program itself (`ask`). */
  readonly client?: Endpoint | undefined
  readonly transport: 'udp' | 'tcp' | 'direct'
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  readonly recursionDesired: boolean
  /** The DO bit (RFC 3225): the client wants DNSSEC records. */
  readonly dnssecOk?: boolean
  /** The CD bit (RFC 4035 3.2.2). */
  readonly checkingDisabled?: boolean
}

/** `undefined`: not mine, ask the next one. What answers at once should return no promise: that path costs least. */
export type ResolveFunction = (question: DnsQuestion, context: ResolveContext) => Answer | undefined | Promise<Answer | undefined>

export interface ResolverObject {
  readonly resolve: ResolveFunction
  /** Called when the server closes. */
  close?(): void
}

export type Resolver = ResolveFunction | ResolverObject
