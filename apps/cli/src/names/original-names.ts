import { isIPv4 } from 'node:net'
import type { Answer, DnsQuestion, DnsRecord, ResolveContext } from '@tunnel/dns'
import { createNameSet } from '@tunnel/dns'
import type { Log } from '@tunnel/flow'
import { CodedError, toCodedError } from '@tunnel/flow'
import { unusedLinkLocal } from './link-local.ts'
import type { NameBook } from './name-book.ts'
import { isWildcard } from './name-book.ts'
import { createNameLog } from './name-log.ts'
import { reverseName } from './reverse-name.ts'
import { entriesOf } from './synthetic-names.ts'

export interface OriginalNamesOptions {
  /** The addresses that a name has without us; rejects or is empty when it has none. */
  readonly lookup: (name: string) => Promise<readonly string[]>
  /** An address of this host, or one in use by something else: not to be given to a name. */
  readonly taken: (address: string) => boolean
  /** Applies the table again: a wildcard stands for more addresses now. */
  readonly refresh: () => void
  readonly ipv6: boolean
  readonly log: Log
}

/** Names that questions may bring forth below wildcards. Each is an address to intercept. */
const mostWildcardNames = 4_096
const lookupsAtOnce = 16
const ttl = 60

/** `--ip-assignment original`: the address that a name has anyway is intercepted; a name without one gets a link-local address. */
export function createOriginalNames(options: OriginalNamesOptions): NameBook {
  return new OriginalNames(options).book
}

class OriginalNames {
  readonly book: NameBook
  readonly #options: OriginalNamesOptions
  readonly #news: ReturnType<typeof createNameLog>
  #wanted = createNameSet()
  /** Whole names: those of services, and what was asked for below their wildcards. */
  readonly #assigned = new Map<string, readonly string[]>()
  #published = new Map<string, readonly string[]>()
  #names = new Map<string, string>()
  readonly #used = new Set<string>()
  readonly #asked = new Set<string>()
  readonly #opening = new Map<string, Promise<void>>()
  #applied: (() => void)[] = []

  constructor(options: OriginalNamesOptions) {
    this.#options = options
    this.#news = createNameLog(options.log)
    const size = (): number => this.#published.size
    this.book = {
      assign: (names) => this.#assign(names),
      publish: () => this.#publish(),
      announce: () => this.#published.forEach((addresses, name) => this.#news.added(name, addresses)),
      addressesOf: (hostname) => this.#addressesOf(hostname.toLowerCase()),
      nameOf: (address) => this.#names.get(address),
      resolver: (question, context) => this.#resolve(question, context),
      answers: (name) => this.#published.has(name) || this.#wanted.matches(name),
      entries: () => entriesOf(this.#published),
      get size() {
        return size()
      },
    }
  }

  async #assign(names: readonly string[]): Promise<ReadonlyMap<string, CodedError>> {
    const refused = new Map<string, CodedError>()
    const good = names.filter((name) => {
      try {
        createNameSet([name])
        return true
      } catch (error) {
        refused.set(name, toCodedError(error, 'dns.assign-failed'))
        return false
      }
    })
    this.#wanted = createNameSet(good)
    for (const name of this.#assigned.keys()) if (!this.#wanted.matches(name)) this.#forget(name)
    const fresh = good.filter((name) => !isWildcard(name) && !this.#assigned.has(name))
    await eachOf(fresh, lookupsAtOnce, async (name) => {
      try {
        await this.#give(name)
      } catch (error) {
        refused.set(name, toCodedError(error, 'dns.assign-failed'))
      }
    })
    return refused
  }

  #publish(): void {
    this.#published = new Map(this.#assigned)
    this.#names = new Map([...this.#published].flatMap(([name, addresses]) => addresses.map((address) => [address, name] as const)))
    for (const told of this.#applied.splice(0)) told()
  }

  #forget(name: string): void {
    for (const address of this.#assigned.get(name) ?? []) this.#used.delete(address)
    this.#assigned.delete(name)
    this.#asked.delete(name)
    this.#published.delete(name)
    this.#news.removed(name)
  }

  async #give(name: string): Promise<void> {
    const found = await this.#options.lookup(name).catch(() => [])
    const usable = found.filter((address) => this.#options.ipv6 || isIPv4(address))
    const addresses = usable.length > 0 ? usable : [unusedLinkLocal((address) => this.#used.has(address) || this.#options.taken(address))]
    this.#assigned.set(name, addresses)
    for (const address of addresses) this.#used.add(address)
  }

  #addressesOf(hostname: string): readonly string[] {
    if (!isWildcard(hostname)) return this.#assigned.get(hostname) ?? []
    const below = [...this.#assigned].filter(([name]) => this.#asked.has(name) && name.endsWith(hostname.slice(1)))
    return [...new Set(below.flatMap(([, addresses]) => addresses))]
  }

  #resolve(question: DnsQuestion, { signal }: ResolveContext): Answer | undefined | Promise<Answer | undefined> {
    if (question.type === 'PTR') return this.#pointer(question.key)
    const known = this.#published.get(question.key)
    if (known !== undefined) return answerOf(question, known)
    if (!this.#wanted.matches(question.key) || (question.type !== 'A' && question.type !== 'AAAA')) return undefined
    const isNew = !this.#assigned.has(question.key) && !this.#opening.has(question.key)
    if (isNew && this.#asked.size >= mostWildcardNames) return 'SERVFAIL'
    return this.#open(question.key, signal).then(() => {
      const addresses = this.#published.get(question.key)
      return addresses === undefined ? 'SERVFAIL' : answerOf(question, addresses)
    })
  }

  /** A name below a wildcard: its addresses are intercepted before it is answered. */
  #open(name: string, signal: AbortSignal): Promise<void> {
    let opening = this.#opening.get(name)
    if (opening === undefined) {
      opening = this.#assigned.has(name) ? this.#nextPublish() : this.#ask(name)
      this.#opening.set(name, opening)
      void opening.catch(() => {}).finally(() => this.#opening.delete(name))
    }
    const given = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    return Promise.race([opening, given])
  }

  async #ask(name: string): Promise<void> {
    this.#asked.add(name)
    await this.#give(name)
    const published = this.#nextPublish()
    this.#options.refresh()
    await published
  }

  #nextPublish(): Promise<void> {
    return new Promise((resolve) => this.#applied.push(resolve))
  }

  #pointer(key: string): Answer | undefined {
    for (const [address, name] of this.#names) {
      if (reverseName(address) === key) return { records: [{ type: 'PTR', ttl, data: name }], authoritative: true }
    }
    return undefined
  }
}

function answerOf({ type }: DnsQuestion, addresses: readonly string[]): Answer | undefined {
  if (type !== 'A' && type !== 'AAAA') return type === 'TYPE64' || type === 'TYPE65' ? 'NODATA' : undefined
  const fitting = addresses.filter((address) => isIPv4(address) === (type === 'A'))
  return { records: fitting.map((data): DnsRecord => ({ type, ttl, data })), authoritative: true }
}

/** At most `limit` of the work at once. */
async function eachOf<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items]
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, queue.length) }, worker))
}
