import { copyBytes } from '@tunnel/flow'
import { headerBytes, flag } from '../message/header.ts'

/** One way to one server: a query goes out under an id of its own, and what comes back is its response or nothing. */
export interface Exchange {
  /**
   * Resolves with a message that has the query's id and question; nothing else about it is checked. The bytes are the
   * caller's. Rejects when the server cannot be reached and when `signal` aborts: waiting ends by nothing else.
   */
  ask(query: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
  close(): void
}

export const idOf = (message: Uint8Array): number => ((message[0] ?? 0) << 8) | (message[1] ?? 0)

export function withId(query: Uint8Array, id: number): Uint8Array {
  const copy = copyBytes(query)
  copy[0] = id >>> 8
  copy[1] = id & 0xff
  return copy
}

/** Unpredictable (RFC 5452 9.2), and not one of those in use; undefined when these are too many to find another. */
export function freshId(inUse: { has(id: number): boolean }): number | undefined {
  const ids = globalThis.crypto.getRandomValues(new Uint16Array(16))
  return ids.find((id) => !inUse.has(id))
}

/** Rcodes of servers that did not read so far as the question: FORMERR, SERVFAIL, NOTIMP, REFUSED. */
const rcodesWithoutQuestion = new Set([1, 2, 4, 5])

/**
 * RFC 5452 9.1: a response with our question. Servers repeat the bytes as they came, so that who did not see the query
 * would have to guess the upper and lower case of its letters too (`exactCase`); a few do not. The id is the caller's to
 * compare.
 */
export function answersQuery(query: Uint8Array, response: Uint8Array, exactCase: boolean): boolean {
  if (response.length < headerBytes) return false
  const flags = ((response[2] ?? 0) << 8) | (response[3] ?? 0)
  if ((flags & flag.response) === 0 || (flags & flag.opcode) !== 0) return false
  const questions = ((response[4] ?? 0) << 8) | (response[5] ?? 0)
  if (questions === 0) return response.length === headerBytes && rcodesWithoutQuestion.has(flags & flag.rcode)
  if (questions !== 1) return false
  const end = questionEnd(query)
  if (response.length < end) return false
  for (let at = headerBytes; at < end; at += 1) {
    const [left = 0, right = 0] = [query[at], response[at]]
    if (left !== right && (exactCase || at >= end - 4 || lowerCaseByte(left) !== lowerCaseByte(right))) return false
  }
  return true
}

const lowerCaseByte = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)

/** Of a query that we made: its name has no pointers. */
export function questionEnd(query: Uint8Array): number {
  let at = headerBytes
  for (let size = query[at]; size !== undefined && size !== 0; size = query[at]) at += 1 + size
  return at + 5
}
