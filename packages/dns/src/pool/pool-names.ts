import { isCodedError, type Log } from '@tunnel/flow'
import type { Answer, ResolveFunction, ResolverObject } from '../resolve/resolver.ts'
import type { AddressBook } from './address-book.ts'
import type { Assignment } from './assignment.ts'
import type { NameSet } from './name-set.ts'
import { parsePointerName } from './pointer-name.ts'

export interface NamesOptions {
  /** A question has given a name its addresses. Called before the answer goes out. */
  readonly onAssigned?: (assignment: Assignment) => void
  /** The addresses of a name that a question had assigned stand for it no more. */
  readonly onReleased?: (assignment: Assignment) => void
  /** Types without an answer here (MX, TXT, SRV, ...): on to the `next` resolver (default), or `nodata`. */
  readonly otherTypes?: 'next' | 'nodata'
}

const nodata: Answer = { records: [], authoritative: true }

export function namesResolver(from: { book: AddressBook; set: NameSet; options: NamesOptions; log: Log }): ResolverObject {
  const { book, set } = from
  const { otherTypes = 'next' } = from.options
  const assign = assigner(from)

  const resolve: ResolveFunction = ({ key, type }) => {
    switch (type) {
      case 'A':
      case 'AAAA': {
        const known = book.get(key)
        if (!(known && known.foundIn === set && known.foundVersion === set.version) && !set.matches(key)) return undefined
        const entry = book.ask(known) ?? assign(key)
        if (!entry) return 'SERVFAIL'
        entry.foundIn = set
        entry.foundVersion = set.version
        return type === 'A' ? entry.a : entry.aaaa
      }
      case 'PTR':
        return answerPointer(book, key) ?? (otherTypes === 'nodata' && set.matches(key) ? nodata : undefined)
      case 'TYPE64': // SVCB
      case 'TYPE65': // HTTPS: an answer from elsewhere would name addresses and protocols around ours (RFC 9460 7.3).
        return set.matches(key) ? nodata : undefined
      default:
        return otherTypes === 'nodata' && set.matches(key) ? nodata : undefined
    }
  }
  return { resolve }
}

/** A pool without free addresses is told once, until an assignment succeeds again. */
function assigner({ book, options, log }: { book: AddressBook; options: NamesOptions; log: Log }) {
  let exhausted = false
  return (name: string) => {
    try {
      const entry = book.assign(name, { onReleased: options.onReleased })
      options.onAssigned?.(entry.assignment)
      exhausted = false
      return entry
    } catch (error) {
      if (!isCodedError(error, 'dns.pool-exhausted')) throw error
      if (!exhausted) log('warn', 'dns/pool.assign', error.message)
      exhausted = true
      return undefined
    }
  }
}

function answerPointer(book: AddressBook, key: string): Answer | undefined {
  const address = parsePointerName(key)
  const name = address === undefined ? undefined : book.nameOf(address)
  return name === undefined ? undefined : { records: [{ type: 'PTR', ttl: book.ttl, data: name }], authoritative: true }
}
