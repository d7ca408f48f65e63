import { CodedError, silentLog, systemClock, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import type { ResolverObject } from '../resolve/resolver.ts'
import { createAddressBook, type AddressBook } from './address-book.ts'
import { parseAddressRange, type AddressRange } from './address-range.ts'
import type { Assignment } from './assignment.ts'
import { hashKeyOf } from './keyed-hash.ts'
import { createNameSet, normalizeName, type NameSet } from './name-set.ts'
import { namesResolver, type NamesOptions } from './pool-names.ts'

export interface SyntheticPoolOptions {
  /** A CIDR such as `100.64.0.1/10`; the address that is written (here .1) is not given out. At least one of `v4` and `v6`. */
  readonly v4?: string
  /** A CIDR such as `fd00:7a69::1/64`. */
  readonly v6?: string
  /**
   * Part of the hash that chooses addresses: pools with the same ranges and key give a name the same address on every
   * machine, but for names whose hashes collide, which is decided by who comes first. Empty by default.
   */
  readonly key?: string
  /** True: not ours to give out, for example because it is an address of this host. Asked before an address is assigned. */
  readonly taken?: (address: string) => boolean
  /** True: something still goes to this address, so its name is not forgotten. Asked before room is made. */
  readonly inUse?: (address: string) => boolean
  /** Names that were assigned by questions and not by `assign`: at most so many are remembered. 65,536. */
  readonly limit?: number
  /** Seconds that answers may be kept: 60. A name that was asked for within twice that time is not forgotten. */
  readonly ttl?: number
  readonly clock?: Clock
  readonly log?: Log
}

/**
 * Addresses out of ranges of our own that stand for names, so that a connection to the address tells the name. The
 * address of a name is a keyed hash of it (SipHash-2-4 of the lower-case name), with probing when it is taken.
 */
export interface SyntheticPool {
  /** Idempotent: the name keeps its addresses until `release`. Throws `dns.pool-exhausted` and `dns.bad-name`. */
  assign(name: string): Assignment
  /** Forgets the name. Its addresses may be given to another one, as soon as clients have forgotten its answers. */
  release(name: string): void
  /** Whose address this is, in any spelling of the address. */
  nameOf(address: string): string | undefined
  /** What has been assigned to the name, if anything. */
  addressesOf(name: string): Assignment | undefined
  /** True for every address of the ranges, assigned or not. */
  contains(address: string): boolean
  /** The ranges as CIDRs with host bits cleared: `100.64.0.0/10`. */
  readonly ranges: readonly string[]
  /** How many names have addresses now. */
  readonly assigned: number
  /**
   * Answers A and AAAA questions for names of the set, assigning an address at the first; NODATA for a family without a
   * range and for HTTPS and SVCB; and PTR questions for every assigned address. Other types go to the next resolver.
   */
  names(patterns: NameSet | readonly string[], options?: NamesOptions): ResolverObject
}

const defaultLimit = 65_536
const defaultTtl = 60

export function syntheticPool(options: SyntheticPoolOptions): SyntheticPool {
  const ranges = rangesOf(options)
  const book = createBook(ranges, options)
  const log = options.log ?? silentLog
  return {
    assign: (name) => book.assign(checkedName(name), { pinned: true }).assignment,
    release: (name) => book.release(normalizeName(name)),
    nameOf: (address) => book.nameOf(address),
    addressesOf: (name) => book.get(normalizeName(name))?.assignment,
    contains: (address) => ranges.some((range) => range.contains(address)),
    ranges: ranges.map(({ prefix }) => prefix),
    get assigned() {
      return book.size
    },
    names: (patterns, namesOptions = {}) => namesResolver({ book, set: nameSetOf(patterns), options: namesOptions, log }),
  }
}

function createBook(ranges: readonly AddressRange[], options: SyntheticPoolOptions): AddressBook {
  const ttl = options.ttl ?? defaultTtl
  const idle: Milliseconds = 2 * ttl * 1000
  return createAddressBook({
    ranges,
    key: hashKeyOf(options.key ?? ''),
    taken: options.taken ?? (() => false),
    inUse: options.inUse ?? (() => false),
    limit: options.limit ?? defaultLimit,
    ttl,
    idle,
    clock: options.clock ?? systemClock,
  })
}

function rangesOf({ v4, v6 }: SyntheticPoolOptions): AddressRange[] {
  const ranges: AddressRange[] = []
  if (v4 !== undefined) ranges.push(parseAddressRange(v4, 4))
  if (v6 !== undefined) ranges.push(parseAddressRange(v6, 6))
  if (ranges.length > 0) return ranges
  throw new CodedError('dns.bad-range', 'A pool of addresses needs a range: give v4, for example 100.64.0.1/10, or v6, or both.')
}

function nameSetOf(patterns: NameSet | readonly string[]): NameSet {
  return 'matches' in patterns ? patterns : createNameSet(patterns)
}

function checkedName(text: string): string {
  const name = normalizeName(text)
  if (name !== '' && !name.includes('*') && name.length <= 1000) return name
  throw new CodedError('dns.bad-name', `An address can be assigned to a whole name such as db.example, and not to "${text}".`, { detail: { name: text } })
}
