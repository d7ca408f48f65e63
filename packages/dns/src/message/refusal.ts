import type { Rcode } from './rcode.ts'

/**
 * Why a message is no question that a resolver could be asked, and what is answered. Without an `rcode` nothing is: to answer a response would let two
 * servers talk for ever (RFC 1035 7.3, and common sense), and what has no whole header has no reader.
 */
export interface QueryRefusal {
  readonly reason: RefusalReason
  readonly rcode?: Rcode
}

export type RefusalReason = keyof typeof refusals

const formatError = <R extends string>(reason: R): { reason: R; rcode: Rcode } => ({ reason, rcode: 'FORMERR' })

/** One object for each, so that refusing costs nothing. */
export const refusals = {
  'short': { reason: 'short' },
  'response': { reason: 'response' },
  /** Not QUERY: RFC 1035 4.1.1. */
  'opcode': { reason: 'opcode', rcode: 'NOTIMP' },
  'no-question': formatError('no-question'),
  /** RFC 9619: a QUERY has one. */
  'several-questions': formatError('several-questions'),
  /** A question with records for an answer, or for authority. */
  'records': formatError('records'),
  /** In a question there is nothing yet that a pointer could point to (RFC 1035 4.1.4). */
  'pointer': formatError('pointer'),
  'label': formatError('label'),
  'long-name': formatError('long-name'),
  /** Of an additional record. */
  'bad-name': formatError('bad-name'),
  'truncated': formatError('truncated'),
  'trailing': formatError('trailing'),
  /** RFC 6891 6.1.1: of the root, at most one, its options whole. */
  'bad-opt': formatError('bad-opt'),
  /** RFC 6891 6.1.3: we know version 0. */
  'edns-version': { reason: 'edns-version', rcode: 'BADVERS' },
  'class': { reason: 'class', rcode: 'REFUSED' },
  /** OPT and type 0 are nothing to ask for. */
  'type': formatError('type'),
  /** RFC 5936 2.2.1: no zone is handed out. */
  'transfer': { reason: 'transfer', rcode: 'REFUSED' },
  /** TKEY, TSIG, MAILA, MAILB: RFC 1035 4.1.1. */
  'meta-type': { reason: 'meta-type', rcode: 'NOTIMP' },
} as const satisfies Readonly<Record<string, { reason: string; rcode?: Rcode }>>
