import { CodedError, silentLog, systemClock, toCodedError, type Cancel, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import { createDeferred, type Deferred } from './deferred.ts'
import type { EdgeController } from './edge-controller.ts'
import { createFailureLog } from './failure-log.ts'
import { between, type Random } from './random.ts'
import { diffServices } from './service-diff.ts'
import type { EdgeService, EdgeServiceChange, ServicePoller, Unsubscribe } from './types.ts'

export interface ServicePollerOptions {
  readonly controller: Pick<EdgeController, 'services' | 'serviceUpdates'>
  /** Default 15 s, as the Go tunneler; each wait differs by up to 10 %. */
  readonly interval?: Milliseconds
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
}

export function createServicePoller(options: ServicePollerOptions): ServicePoller {
  return new Poller(options)
}

/** Polls for changes (protocol section 2.10) for ever; the list of before stays while no controller answers. */
class Poller implements ServicePoller {
  readonly #controller: ServicePollerOptions['controller']
  readonly #interval: Milliseconds
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Log
  readonly #failures
  readonly #watchers = new Set<(change: EdgeServiceChange) => void>()
  #services: ReadonlyMap<string, EdgeService> = new Map()
  #byName: ReadonlyMap<string, EdgeService> = new Map()
  /** Names of which a duplicate was reported. */
  #duplicates: ReadonlySet<string> = new Set()
  #lastChangeAt: string | undefined
  #reading: Promise<void> | undefined
  #cancelTimer: Cancel = () => {}
  #started: Deferred<void> | undefined
  #stopped = false

  constructor(options: ServicePollerOptions) {
    const { clock = systemClock, random = Math.random, log = silentLog } = options
    this.#controller = options.controller
    this.#interval = options.interval ?? 15_000
    this.#clock = clock
    this.#random = random
    this.#log = log
    this.#failures = createFailureLog({ log, source: 'edge/controller.services', what: 'reading the services', clock })
  }

  get services(): ReadonlyMap<string, EdgeService> {
    return this.#services
  }

  get named(): ReadonlyMap<string, EdgeService> {
    return this.#byName
  }

  watch(listener: (change: EdgeServiceChange) => void): Unsubscribe {
    // A set would take one function twice for one.
    const watcher = (change: EdgeServiceChange) => listener(change)
    for (const service of this.#services.values()) watcher({ kind: 'added', service })
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  start(): Promise<void> {
    if (this.#stopped) return Promise.reject(stoppedError())
    if (this.#started === undefined) {
      this.#started = createDeferred<void>()
      void this.#round()
    }
    return this.#started.promise
  }

  pollNow(): Promise<void> {
    return this.#readOnce()
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTimer()
    this.#watchers.clear()
    this.#started?.reject(stoppedError())
  }

  /** One poll, and the timer of the next. */
  async #round(): Promise<void> {
    let wait = this.#interval * between(0.9, 1.1, this.#random)
    try {
      await this.#poll()
      this.#failures.succeeded()
    } catch (thrown) {
      const error = toCodedError(thrown, 'controller.failed')
      if (!this.#stopped) this.#failures.failed(error)
      const nothingYet = this.#lastChangeAt === undefined
      if (nothingYet || error.code === 'controller.unavailable') wait = this.#earlier(error)
    }
    if (this.#stopped) return
    this.#cancelTimer = this.#clock.after(wait, () => void this.#round())
    if (this.#lastChangeAt !== undefined) this.#started?.resolve()
  }

  /** Section 2.10: a controller in trouble is asked again after a random 5 s to min(2 min, interval / 2), or when it says. */
  #earlier(error: CodedError): Milliseconds {
    const longest = Math.max(5000, Math.min(120_000, this.#interval / 2))
    return Math.max(between(5000, longest, this.#random), Number(error.detail['retryAfter'] ?? 0))
  }

  async #poll(): Promise<void> {
    if (this.#lastChangeAt === undefined) return this.#readOnce()
    const lastChangeAt = await this.#controller.serviceUpdates()
    if (lastChangeAt !== this.#lastChangeAt) await this.#readOnce(lastChangeAt)
  }

  async #readOnce(lastChangeAt?: string): Promise<void> {
    if (this.#stopped) throw stoppedError()
    this.#reading ??= this.#read(lastChangeAt).finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  async #read(known: string | undefined): Promise<void> {
    // Asked before the list: a change while it is read shows at the next poll.
    const lastChangeAt = known ?? (await this.#controller.serviceUpdates())
    const list = await this.#controller.services()
    if (this.#stopped) throw stoppedError()
    this.#lastChangeAt = lastChangeAt
    this.#adopt(list)
  }

  #adopt(list: readonly EdgeService[]): void {
    const before = this.#services
    const sorted = [...list].sort((a, b) => (a.id < b.id ? -1 : 1))
    this.#services = new Map(sorted.map((service) => [service.id, service]))
    this.#byName = new Map(sorted.map((service) => [service.name, service]))
    this.#reportDuplicates(sorted)
    for (const change of diffServices(before, this.#services)) {
      for (const watcher of this.#watchers) watcher(change)
    }
  }

  #reportDuplicates(services: readonly EdgeService[]): void {
    const seen = new Set<string>()
    const duplicates = new Set<string>()
    for (const { name } of services) {
      if (seen.has(name)) duplicates.add(name)
      seen.add(name)
    }
    for (const name of duplicates) {
      if (!this.#duplicates.has(name)) this.#log('warn', 'edge/controller.services', `several services are named ${JSON.stringify(name)}; by name the one with the last id is used`)
    }
    this.#duplicates = duplicates
  }
}

function stoppedError(): CodedError {
  return new CodedError('overlay.closed', 'The identity was stopped.')
}
