import { systemClock, type Clock, type Milliseconds } from '@tunnel/flow'
import type { DnsQuestion } from '../message/question.ts'
import { createBoundedMap, type BoundedMap } from './bounded-map.ts'
import { cachedAnswerOf, type CachedAnswer, type LifetimeLimits } from './cached-answer.ts'
import { closeResolver, resolveFunctionOf } from './call-resolver.ts'
import { createSharedAnswers, type SharedAnswers } from './shared-answers.ts'
import type { Answer, ResolveContext, Resolver, ResolverObject } from './resolver.ts'

/** Times are seconds, as TTLs are. */
export interface CacheOptions {
  /** Questions whose answers are kept: 10,000. */
  readonly entries?: number
  /** What they may take together: 16 MiB. */
  readonly bytes?: number
  /** No answer is kept for longer: 86,400. */
  readonly mostTtl?: number
  /** No answer that there is nothing is kept for longer: 900. */
  readonly mostNegativeTtl?: number
  /** How long SERVFAIL is kept: 1. 0: not at all. */
  readonly failureTtl?: number
  /** Asks again in the background when a question comes in the last tenth of an answer's time. Off by default. */
  readonly prefetch?: boolean
  /**
   * When nobody answers, an answer may be given for so long after its time (RFC 8767), with a TTL of 30. 0 by default:
   * never. RFC 8767 advises one to three days.
   */
  readonly staleFor?: number
  readonly clock?: Clock
}

export interface CacheResolver extends ResolverObject {
  readonly counters: { readonly hits: number; readonly misses: number; readonly stale: number; readonly entries: number; readonly bytes: number }
  /** Forgets everything. */
  clear(): void
  close(): void
}

/** RFC 8767 5: how long a client waits for news before it gets an old answer, until when nobody is asked then; and the TTL of old answers (4). */
const staleWait: Milliseconds = 1800
const staleRetry: Milliseconds = 30_000
const staleTtl = 30
const defaultBytes = 16 * 1024 * 1024

/**
 * Keeps the answers of another resolver for as long as their records say. The same question, asked again while it is
 * under way, is not asked twice. What `inner` answers with a word (`'NXDOMAIN'`) has no time in it and is not kept.
 */
export function cache(inner: Resolver, options: CacheOptions = {}): CacheResolver {
  return new Cache(inner, options)
}

class Cache implements CacheResolver {
  readonly #inner: Resolver
  readonly #options: CacheOptions
  readonly #limits: LifetimeLimits
  readonly #clock: Clock
  readonly #kept: BoundedMap<CachedAnswer>
  readonly #shared: SharedAnswers
  readonly #retryAt = new WeakMap<CachedAnswer, Milliseconds>()
  #hits = 0
  #misses = 0
  #stale = 0

  constructor(inner: Resolver, options: CacheOptions) {
    this.#inner = inner
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#limits = { mostTtl: options.mostTtl ?? 86_400, mostNegativeTtl: options.mostNegativeTtl ?? 900, failureTtl: options.failureTtl ?? 1 }
    this.#kept = createBoundedMap({ entries: options.entries ?? 10_000, weight: options.bytes ?? defaultBytes })
    this.#shared = createSharedAnswers(resolveFunctionOf(inner), (key, question, answer) => this.#keep(key, question, answer))
  }

  get counters() {
    return { hits: this.#hits, misses: this.#misses, stale: this.#stale, entries: this.#kept.size, bytes: this.#kept.weight }
  }

  readonly resolve = (question: DnsQuestion, context: ResolveContext): Answer | undefined | Promise<Answer | undefined> => {
    const key = keyOf(question, context)
    const known = this.#kept.get(key)
    const age = known ? Math.floor((this.#clock.now() - known.storedAt) / 1000) : 0
    if (known && age < known.ttl) {
      this.#hits += 1
      if (this.#options.prefetch && !known.isFailure && age >= known.ttl * 0.9) this.#shared.refresh(key, question, context)
      return known.at(age)
    }
    this.#misses += 1
    // Without the wish for recursion the other side may tell about its own zones only: not what others shall hear.
    if (!context.recursionDesired) return resolveFunctionOf(this.#inner)(question, context)
    const isUsable = known && !known.isFailure && age < known.ttl + (this.#options.staleFor ?? 0)
    return isUsable ? this.#freshOrStale(key, question, context, known) : this.#shared.ask(key, question, context)
  }

  clear(): void {
    this.#kept.clear()
  }

  close(): void {
    this.#shared.close()
    this.#kept.clear()
    closeResolver(this.#inner)
  }

  #keep(key: string, question: DnsQuestion, answer: Answer | undefined): void {
    const next = answer === undefined ? undefined : cachedAnswerOf(answer, question, this.#limits, this.#clock.now())
    if (!next) return
    // An old answer that may still be given is worth more than the news that there is no answer.
    const known = next.isFailure && (this.#options.staleFor ?? 0) > 0 ? this.#kept.get(key) : undefined
    if (!known || known.isFailure) this.#kept.set(key, next, next.bytes + 2 * key.length)
  }

  /** Whichever comes first: news, or the end of patience. News that there is no answer is none. */
  async #freshOrStale(key: string, question: DnsQuestion, context: ResolveContext, old: CachedAnswer): Promise<Answer | undefined> {
    if (this.#clock.now() >= (this.#retryAt.get(old) ?? 0)) {
      const answer = await this.#askPatiently(key, question, context)
      if (answer !== undefined && !isFailure(answer)) return answer
      this.#retryAt.set(old, this.#clock.now() + staleRetry)
    }
    this.#stale += 1
    return old.withTtl(staleTtl)
  }

  #askPatiently(key: string, question: DnsQuestion, context: ResolveContext): Promise<Answer | undefined> {
    return new Promise((settle) => {
      const cancel = this.#clock.after(staleWait, () => settle(undefined))
      const finish = (answer: Answer | undefined): void => {
        cancel()
        settle(answer)
      }
      this.#shared.ask(key, question, context).then(finish, () => finish(undefined))
    })
  }
}

function keyOf({ key, type }: DnsQuestion, { dnssecOk, checkingDisabled }: ResolveContext): string {
  return `${key} ${type}${dnssecOk ? ' do' : ''}${checkingDisabled ? ' cd' : ''}`
}

function isFailure(answer: Answer): boolean {
  if (typeof answer === 'string') return answer === 'SERVFAIL' || answer === 'REFUSED' || answer === 'DROP'
  if (answer.raw === undefined) return answer.rcode === 'SERVFAIL' || answer.rcode === 'REFUSED'
  const rcode = (answer.raw[3] ?? 0) & 0xf
  return rcode !== 0 && rcode !== 3
}
