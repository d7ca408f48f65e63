import { CodedError, isCodedError, silentLog, systemClock, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import type { DnsQuestion } from '../message/question.ts'
import { rcodeName } from '../message/rcode.ts'
import type { Answer, ResolveContext, ResolverObject } from '../resolve/resolver.ts'
import { createAskMany, type AskOne, type UpstreamMode } from './ask-modes.ts'
import { nodeTransports } from './node-transports.ts'
import type { UpstreamTransports } from './transports.ts'
import { createUpstream, type Upstream, type UpstreamAnswer } from './upstream.ts'
import { isOwnAddress, parseUpstream } from './upstream-address.ts'

export interface ForwardOptions extends Partial<UpstreamTransports> {
  /** `parallel` by default. */
  readonly mode?: UpstreamMode
  /** For each server and question: 5 seconds. */
  readonly timeout?: Milliseconds
  /** Questions under way; more get SERVFAIL at once. 1024. */
  readonly outstanding?: number
  /** Mixes upper and lower case in questions, against forgers. Off by default: a few servers do not give it back. */
  readonly mixedCase?: boolean
  /** Our own listen addresses (`udp://127.0.0.1:53`): an upstream that is one of them is not asked. A function is called for each question. */
  readonly own?: readonly string[] | (() => readonly string[])
  /** Certificates (PEM) to trust for TLS, instead of the well-known ones. */
  readonly ca?: string
  readonly clock?: Clock
  readonly log?: Log
}

export interface ForwardResolver extends ResolverObject {
  /** `unanswered`: nobody gave an answer. `strays`: messages that were no answer to a question of ours. */
  readonly counters: { readonly asked: number; readonly answered: number; readonly unanswered: number; readonly overloaded: number; readonly malformed: number; readonly strays: number }
  close(): void
}

/** How often one server's failures are told. */
const tellEvery: Milliseconds = 60_000

/**
 * Asks other servers: `udp://1.1.1.1`, `tcp://[::1]:53`, `tls://9.9.9.9#dns.quad9.net`. Their answers to questions of any
 * type are passed on as they are, when they answer the question and nothing else. When nobody answers, the next resolver
 * is asked. Throws `dns.bad-upstream`, and `dns.upstream-loop` for one of our own addresses.
 */
export function forward(upstreams: readonly string[], options: ForwardOptions = {}): ForwardResolver {
  return new Forwarder(upstreams, options)
}

class Forwarder implements ForwardResolver {
  readonly #upstreams: readonly Upstream[]
  readonly #options: ForwardOptions
  readonly #clock: Clock
  readonly #log: Log
  readonly #askMany
  readonly #toldAt = new Map<Upstream, Milliseconds>()
  #underWay = 0
  #closed = false
  readonly #counters = { asked: 0, answered: 0, unanswered: 0, overloaded: 0, malformed: 0, strays: 0 }

  constructor(upstreams: readonly string[], options: ForwardOptions) {
    const { timeout = 5000, mixedCase = false, clock = systemClock, log = silentLog } = options
    const addresses = upstreams.map(parseUpstream)
    const loop = Array.isArray(options.own) ? addresses.find((address) => isOwnAddress(address, ownAddresses(options))) : undefined
    if (loop) throw new CodedError('dns.upstream-loop', `The DNS server ${loop.text} is this server itself: questions would go round. Name another one.`, { detail: { upstream: loop.text } })
    const transports = nodeTransports(options)
    const onStray = (): void => void (this.#counters.strays += 1)
    this.#upstreams = addresses.map((address) => createUpstream({ address, transports, timeout, clock, mixedCase, onStray }))
    this.#options = options
    this.#clock = clock
    this.#log = log
    this.#askMany = createAskMany(options.mode ?? 'parallel')
  }

  get counters() {
    return { ...this.#counters }
  }

  readonly resolve = async (question: DnsQuestion, context: ResolveContext): Promise<Answer | undefined> => {
    const upstreams = this.#others()
    if (upstreams.length === 0 || this.#closed) return undefined
    if (this.#underWay >= (this.#options.outstanding ?? 1024)) {
      this.#counters.overloaded += 1
      return 'SERVFAIL'
    }
    this.#underWay += 1
    this.#counters.asked += 1
    // Read now: what is around a question may be gone when the server is asked again.
    const { recursionDesired, dnssecOk = false, checkingDisabled = false, signal } = context
    const wishes = { recursionDesired, dnssecOk, checkingDisabled }
    try {
      const answer = await this.#askMany(upstreams, (upstream, patience) => this.#askOne(upstream, patience, () => upstream.ask(question, wishes, patience)), signal)
      this.#counters[answer ? 'answered' : 'unanswered'] += 1
      return answer && toAnswer(answer)
    } finally {
      this.#underWay -= 1
    }
  }

  close(): void {
    this.#closed = true
    for (const upstream of this.#upstreams) upstream.close()
  }

  async #askOne(upstream: Upstream, signal: AbortSignal, ask: () => ReturnType<AskOne>): ReturnType<AskOne> {
    try {
      const answer = await ask()
      this.#toldAt.delete(upstream)
      return answer
    } catch (error) {
      if (isCodedError(error, 'dns.upstream-malformed')) this.#counters.malformed += 1
      if (!signal.aborted && !this.#closed) this.#tell(upstream, error)
      return undefined
    }
  }

  #tell(upstream: Upstream, error: unknown): void {
    const now = this.#clock.now()
    if (now < (this.#toldAt.get(upstream) ?? -Infinity)) return
    this.#toldAt.set(upstream, now + tellEvery)
    this.#log('warn', 'dns/forward.ask', error instanceof Error ? error.message : String(error), { upstream: upstream.address.text })
  }

  #others(): readonly Upstream[] {
    const own = ownAddresses(this.#options)
    return own.length === 0 ? this.#upstreams : this.#upstreams.filter(({ address }) => !isOwnAddress(address, own))
  }
}

/** A server that did not read so far as the question leaves it out: only its word is passed on. */
function toAnswer({ raw, rcode }: UpstreamAnswer): Answer {
  const questions = raw[5] ?? 0
  return questions === 1 ? { raw } : { records: [], rcode: rcodeName(rcode) }
}

function ownAddresses({ own = [] }: ForwardOptions): readonly string[] {
  return typeof own === 'function' ? own() : own
}
