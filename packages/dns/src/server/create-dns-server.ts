import type { Duplex } from 'node:stream'
import { CodedError, silentLog, systemClock, type Clock, type Endpoint, type Log } from '@tunnel/flow'
import { nameLabels } from '../message/name.ts'
import { createQuestion } from '../message/question.ts'
import { recordTypeName, recordTypeNumber, type RecordType } from '../message/record-type.ts'
import type { Answer, ResolveFunction } from '../resolve/resolver.ts'
import { Answerer } from './answerer.ts'
import { createCounts } from './counters.ts'
import { toReply } from './direct-answer.ts'
import { defaultLimits } from './limits.ts'
import { formatListenAddress, parseListenAddress, type ListenAddress } from './listen-address.ts'
import { toListenError } from './listen-error.ts'
import { QueryContext } from './query-context.ts'
import { inOrder } from './resolution.ts'
import type { DnsReply, DnsServer, DnsServerLimits, DnsServerOptions } from './server.ts'
import type { StreamSessions } from './stream-listener.ts'
import { UdpService } from './udp-service.ts'

/** A DNS server. Opens nothing before `start`. Throws `dns.invalid-address` for what it cannot listen on. */
export function createDnsServer(options: DnsServerOptions): DnsServer {
  return new Server(options)
}

interface Opened {
  readonly at: ListenAddress
  close(): void
}

class Server implements DnsServer {
  readonly counters = createCounts()
  readonly #options: DnsServerOptions
  readonly #listen: readonly ListenAddress[]
  readonly #limits: DnsServerLimits
  readonly #clock: Clock
  readonly #log: Log
  readonly #resolve: ResolveFunction
  readonly #answerer: Answerer
  readonly #opened: Opened[] = []
  #streams: StreamSessions | undefined
  #starting: Promise<void> | undefined
  #closed = false
  /** The questions of `ask` that wait. */
  readonly #asking = new Set<(error: CodedError) => void>()

  constructor(options: DnsServerOptions) {
    this.#options = options
    this.#listen = (options.listen ?? []).map((text) => parseListenAddress(text))
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silentLog
    this.#resolve = inOrder(options.resolvers)
    this.#answerer = new Answerer({
      resolve: this.#resolve,
      unanswerable: options.unanswerable ?? 'refused',
      limits: this.#limits,
      counts: this.counters,
      clock: this.#clock,
      log: this.#log,
    })
  }

  get addresses(): readonly string[] {
    return this.#opened.map(({ at }) => formatListenAddress(at))
  }

  start(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    this.#starting ??= this.#open()
    return this.#starting
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#answerer.close()
    for (const refuse of this.#asking) refuse(closedError())
    await this.#starting?.catch(() => {})
    this.#closeAll()
    for (const resolver of this.#options.resolvers) if (typeof resolver === 'object') resolver.close?.()
  }

  serve(stream: Duplex, client: Endpoint): void {
    // It may fail before the sessions are loaded, and nobody else listens.
    stream.on('error', () => {})
    if (this.#closed) return void stream.destroy()
    void this.#streamSessions().then((sessions) => (this.#closed ? stream.destroy() : sessions.accept(stream, client)))
  }

  async ask(name: string, type: RecordType, { signal }: { signal?: AbortSignal } = {}): Promise<DnsReply> {
    if (this.#closed) throw closedError()
    signal?.throwIfAborted()
    const number = recordTypeNumber(type)
    if (number === undefined) throw new CodedError('dns.invalid-type', `'${type}' is no record type: write a mnemonic such as AAAA, or TYPE65`, { detail: { type } })
    // A name that no message could carry is refused here, as it would be there.
    nameLabels(name)
    const question = createQuestion(name, recordTypeName(number))
    const context = new QueryContext('direct', { flags: 0x0100, dnssecOk: false })
    const answer = await this.#waitFor(context, signal, this.#resolve(question, context))
    return toReply(question, answer, this.#options.unanswerable ?? 'refused')
  }

  /** The answer, unless the caller, the server or time comes first; then the resolvers are told. */
  #waitFor(context: QueryContext, signal: AbortSignal | undefined, answer: ReturnType<ResolveFunction>): Promise<Answer | undefined> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        cancelTimer()
        signal?.removeEventListener('abort', onAbort)
        this.#asking.delete(refuse)
        end()
      }
      const refuse = (error: unknown): void => {
        settle(() => reject(error))
        context.abort()
      }
      const onAbort = (): void => refuse(signal?.reason)
      const cancelTimer = this.#clock.after(this.#limits.answerTimeout, () => {
        settle(() => resolve('SERVFAIL'))
        context.abort()
      })
      signal?.addEventListener('abort', onAbort)
      this.#asking.add(refuse)
      Promise.resolve(answer).then((value) => settle(() => resolve(value)), (error: unknown) => settle(() => reject(error)))
    })
  }

  async #open(): Promise<void> {
    for (const at of this.#listen) {
      try {
        this.#opened.push(at.protocol === 'udp' ? await this.#openUdp(at) : await this.#openTcp(at))
      } catch (error) {
        this.#closeAll()
        this.#starting = undefined
        throw toListenError(at, error)
      }
      if (this.#closed) return
      this.#log('info', 'dns/server.start', `dns server listening on ${this.addresses.at(-1)}`)
    }
  }

  // The transports of Node are loaded when they are needed: a program without sockets (`ask`) runs where there are none.
  async #openUdp(at: ListenAddress): Promise<Opened> {
    const open = this.#options.openUdp ?? (await import('./dgram-port.ts')).openDgramPort
    const port = await open({ address: at.address, port: at.port })
    const service = new UdpService(this.#answerer, port, this.#limits, this.counters)
    service.start()
    return { at: { ...at, port: port.local.port }, close: () => service.close() }
  }

  async #openTcp(at: ListenAddress): Promise<Opened> {
    const { openStreamListener } = await import('./stream-listener.ts')
    const listener = await openStreamListener(at, await this.#streamSessions())
    return { at: { ...at, port: listener.local.port }, close: () => listener.close() }
  }

  async #streamSessions(): Promise<StreamSessions> {
    const { StreamSessions } = await import('./stream-listener.ts')
    this.#streams ??= new StreamSessions({ answerer: this.#answerer, limits: this.#limits, counts: this.counters, clock: this.#clock })
    return this.#streams
  }

  #closeAll(): void {
    for (const opened of this.#opened.splice(0)) opened.close()
    this.#streams?.close()
  }
}

const closedError = (): CodedError => new CodedError('dns.closed', 'This DNS server is closed: create another')
