import { type Clock, CodedError, formatIpAddress, type Milliseconds, parseIpAddress } from '@tunnel/flow'
import type { Answer } from '../resolve/resolver.ts'
import type { AddressRange } from './address-range.ts'
import type { Assignment } from './assignment.ts'
import { keyedHash, type HashKey } from './keyed-hash.ts'
import type { NameSet } from './name-set.ts'

/** One name with its addresses, and its answers made ready: a question for it makes no object. */
export interface BookEntry {
  readonly assignment: Assignment
  readonly a: Answer
  readonly aaaa: Answer
  /** When it was last asked for. */
  asked: Milliseconds
  /** Not to be forgotten to make room. */
  pinned: boolean
  /** The set of names, and its version, that the name was last found in: it need not be looked for again. */
  foundIn: NameSet | undefined
  foundVersion: number
  readonly onReleased: ((assignment: Assignment) => void) | undefined
}

export interface AddressBookOptions {
  readonly ranges: readonly AddressRange[]
  readonly key: HashKey
  readonly taken: (address: string) => boolean
  readonly inUse: (address: string) => boolean
  readonly limit: number
  readonly ttl: number
  readonly idle: Milliseconds
  readonly clock: Clock
}

export interface AddressBook {
  readonly size: number
  /** Seconds that answers may be kept. */
  readonly ttl: number
  /** Names are lower case, without final dot. */
  get(name: string): BookEntry | undefined
  /** For a question: it counts as use. */
  ask(entry: BookEntry | undefined): BookEntry | undefined
  assign(name: string, options?: { pinned?: boolean; onReleased?: BookEntry['onReleased'] }): BookEntry
  release(name: string): void
  nameOf(address: string): string | undefined
}

/** All of a range up to this size is tried; of a larger one so many addresses, which fail together only when it is all but full. */
const mostProbes = 65_536
/** Entries looked at to find one to forget. Those that may not be forgotten go to the end of the queue. */
const mostCandidates = 256
const fullFor: Milliseconds = 1000
const noneIdleFor: Milliseconds = 100
/** Addresses whose names were released lately. Beyond it the oldest may be given out again. */
const mostResting = 65_536

export function createAddressBook(options: AddressBookOptions): AddressBook {
  return new HashedAddressBook(options)
}

class HashedAddressBook implements AddressBook {
  readonly ttl: number
  readonly #options: AddressBookOptions
  readonly #byName = new Map<string, BookEntry>()
  readonly #byAddress = new Map<string, BookEntry>()
  /** Names that may be forgotten, about in the order of their last question. */
  readonly #unpinned = new Set<BookEntry>()
  /** A range that was found full is not searched again for a moment: that takes long. */
  readonly #fullUntil = new Map<AddressRange, Milliseconds>()
  /** The same for names to forget. */
  #noneIdleUntil: Milliseconds = -Infinity
  /** Addresses of released names, with that name and until when clients may still hold them as its own. */
  readonly #resting = new Map<string, { readonly name: string; readonly until: Milliseconds }>()

  constructor(options: AddressBookOptions) {
    this.#options = options
    this.ttl = options.ttl
  }

  get size(): number {
    return this.#byName.size
  }

  get(name: string): BookEntry | undefined {
    return this.#byName.get(name)
  }

  ask(entry: BookEntry | undefined): BookEntry | undefined {
    if (entry) entry.asked = this.#options.clock.now()
    return entry
  }

  nameOf(address: string): string | undefined {
    const entry = this.#byAddress.get(address)
    if (entry) return entry.assignment.name
    const parsed = address.includes(':') ? parseIpAddress(address) : undefined
    return parsed && this.#byAddress.get(formatIpAddress(parsed))?.assignment.name
  }

  assign(name: string, { pinned = false, onReleased }: { pinned?: boolean; onReleased?: BookEntry['onReleased'] } = {}): BookEntry {
    const known = this.ask(this.get(name))
    if (known) {
      if (pinned) this.#pin(known)
      return known
    }
    if (!pinned && this.#unpinned.size >= this.#options.limit && !this.#forgetIdle()) {
      const fault = `${this.#options.limit} names were assigned by questions, and none of them is idle`
      throw exhausted(name, fault, `Something may be asking for random names; one that nobody asks for during ${this.#options.idle / 1000} s makes room.`)
    }
    const entry = this.#createEntry(name, pinned, onReleased)
    this.#byName.set(name, entry)
    for (const address of addressesOf(entry.assignment)) {
      this.#byAddress.set(address, entry)
      this.#resting.delete(address)
    }
    if (!pinned) this.#unpinned.add(entry)
    return entry
  }

  release(name: string): void {
    const entry = this.#byName.get(name)
    if (entry) this.#forget(entry, entry.asked + this.#options.idle)
  }

  #pin(entry: BookEntry): void {
    entry.pinned = true
    this.#unpinned.delete(entry)
  }

  #createEntry(name: string, pinned: boolean, onReleased: BookEntry['onReleased']): BookEntry {
    const [first, second] = this.#options.ranges.map((range) => ({ family: range.family, address: this.#choose(range, name) }))
    const v4 = first?.family === 4 ? first.address : undefined
    const v6 = first?.family === 6 ? first.address : second?.address
    return {
      assignment: { name, ...(v4 === undefined ? {} : { v4 }), ...(v6 === undefined ? {} : { v6 }) },
      a: { records: v4 === undefined ? [] : [{ type: 'A', ttl: this.ttl, data: v4 }], authoritative: true },
      aaaa: { records: v6 === undefined ? [] : [{ type: 'AAAA', ttl: this.ttl, data: v6 }], authoritative: true },
      asked: this.#options.clock.now(),
      pinned,
      foundIn: undefined,
      foundVersion: 0,
      onReleased,
    }
  }

  #choose(range: AddressRange, name: string): string {
    const full = this.#options.clock.now() < (this.#fullUntil.get(range) ?? -Infinity)
    const found = full ? undefined : this.#probe(range, name)
    if (found !== undefined) return found
    // The range is full, perhaps with names that nobody needs any more.
    const freed = this.#forgetIdle() ? this.#probe(range, name) : undefined
    if (freed !== undefined) return freed
    this.#fullUntil.set(range, this.#options.clock.now() + fullFor)
    throw exhausted(name, `the range ${range.prefix} has no free address`, 'Give a larger range, or release names.', range.prefix)
  }

  /** A free address, always the same one for the name as long as no other name has it. */
  #probe(range: AddressRange, name: string): string | undefined {
    const hash = keyedHash(this.#options.key, `${range.family} ${name}`)
    const mask = range.size - 1n
    // An odd step visits every index of a power of two once. Each name has its own, so that names do not pile up.
    const step = (hash >> 32n) | 1n
    const probes = range.size > mostProbes ? mostProbes : Number(range.size)
    for (let probe = 0, index = hash & mask; probe < probes; probe += 1, index = (index + step) & mask) {
      if (range.isReserved(index)) continue
      const address = range.addressAt(index)
      if (!this.#byAddress.has(address) && !this.#isResting(address, name) && !this.#options.taken(address)) return address
    }
    return undefined
  }

  /** For a while after its name was released, clients may connect to the address and mean that name. */
  #isResting(address: string, name: string): boolean {
    const rest = this.#resting.get(address)
    if (!rest || rest.name === name) return false
    if (this.#options.clock.now() < rest.until) return true
    this.#resting.delete(address)
    return false
  }

  /** Forgets the name that was not asked for the longest, if there is one that nobody needs. */
  #forgetIdle(): boolean {
    const { clock, idle, inUse } = this.#options
    const now = clock.now()
    if (now < this.#noneIdleUntil) return false
    let left = mostCandidates
    for (const entry of this.#unpinned) {
      if (now - entry.asked >= idle && !addressesOf(entry.assignment).some((address) => inUse(address))) {
        this.#forget(entry, now)
        return true
      }
      left -= 1
      if (left < 0) break
      this.#unpinned.delete(entry)
      this.#unpinned.add(entry)
    }
    this.#noneIdleUntil = now + noneIdleFor
    return false
  }

  #forget(entry: BookEntry, restUntil: Milliseconds): void {
    const { name } = entry.assignment
    this.#byName.delete(name)
    this.#unpinned.delete(entry)
    for (const address of addressesOf(entry.assignment)) {
      this.#byAddress.delete(address)
      if (restUntil > this.#options.clock.now()) this.#resting.set(address, { name, until: restUntil })
    }
    for (const [address] of this.#resting) {
      if (this.#resting.size <= mostResting) break
      this.#resting.delete(address)
    }
    this.#fullUntil.clear()
    entry.onReleased?.(entry.assignment)
  }
}

function addressesOf({ v4, v6 }: Assignment): string[] {
  return [v4, v6].filter((address) => address !== undefined)
}

function exhausted(name: string, fault: string, remedy: string, range?: string): CodedError {
  return new CodedError('dns.pool-exhausted', `No address for ${name}: ${fault}. ${remedy}`, { detail: { name, range } })
}
