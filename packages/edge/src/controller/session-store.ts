import { CodedError, isCodedError, systemClock, toCodedError, type Clock, type Milliseconds } from '@tunnel/flow'
import { createBackoff } from './backoff.ts'
import type { EdgeController } from './edge-controller.ts'
import type { Random } from './random.ts'
import { serviceSessionError } from './session-error.ts'
import type { RouterAddress, ServiceSession, SessionRequest, SessionStore, SessionType } from './types.ts'
import { waitFor } from './wait.ts'

export interface SessionStoreOptions {
  readonly controller: Pick<EdgeController, 'createSession' | 'serviceEdgeRouters' | 'sessionEdgeRouters'>
  /** Called when the controller does not know a service that somebody uses: the list of services is out of date. */
  readonly serviceMissing?: (serviceId: string) => void
  /** Sessions kept; the least used goes first. Default 4096. */
  readonly limit?: number
  readonly clock?: Clock
  readonly random?: Random
}

/** What `createControllerSession` needs beyond `SessionStore`. */
export interface ManagedSessionStore extends SessionStore {
  /** All are void: the API session was replaced. */
  clear(): void
  /** The service vanished, or its permissions changed. */
  forget(serviceId: string): void
}

interface Entry {
  readonly key: string
  session: ServiceSession
  routersReadAt: Milliseconds
  refreshing?: Promise<ServiceSession>
}

// Protocol section 9.
const defaultTimeout = 15_000
const routersMaxAge = 3_600_000
const firstWait = 50
const maxWait = 10_000

export function createSessionStore(options: SessionStoreOptions): ManagedSessionStore {
  return new Store(options)
}

class Store implements ManagedSessionStore {
  readonly #options: SessionStoreOptions
  readonly #clock: Clock
  readonly #limit: number
  /** In order of use. */
  readonly #entries = new Map<string, Entry>()
  readonly #creating = new Map<string, Promise<ServiceSession>>()
  readonly #closing = new AbortController()
  /** Counts `clear` and `forget`: a session asked for before is not kept after. */
  #generation = 0

  constructor(options: SessionStoreOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#limit = options.limit ?? 4096
  }

  get size(): number {
    return this.#entries.size
  }

  dial(serviceId: string, request: SessionRequest = {}): Promise<ServiceSession> {
    return this.#session(serviceId, 'Dial', request)
  }

  bind(serviceId: string, request: SessionRequest = {}): Promise<ServiceSession> {
    return this.#session(serviceId, 'Bind', request)
  }

  invalidate(session: ServiceSession): void {
    const entry = this.#entries.get(keyOf(session.serviceId, session.type))
    if (entry?.session.token === session.token) this.#entries.delete(entry.key)
  }

  async refreshRouters(session: ServiceSession): Promise<ServiceSession> {
    const entry = this.#entries.get(keyOf(session.serviceId, session.type))
    return entry === undefined ? { ...session, routers: await this.#readRouters(session) } : this.#refresh(entry)
  }

  clear(): void {
    this.#generation += 1
    this.#entries.clear()
    this.#creating.clear()
  }

  forget(serviceId: string): void {
    this.#generation += 1
    for (const type of ['Dial', 'Bind'] as const) {
      this.#entries.delete(keyOf(serviceId, type))
      this.#creating.delete(keyOf(serviceId, type))
    }
  }

  close(): void {
    this.#closing.abort(new CodedError('overlay.closed', 'The identity was stopped.'))
    this.clear()
  }

  async #session(serviceId: string, type: SessionType, request: SessionRequest): Promise<ServiceSession> {
    this.#closing.signal.throwIfAborted()
    const key = keyOf(serviceId, type)
    const entry = this.#entries.get(key)
    if (entry !== undefined) return this.#used(entry)
    let creating = this.#creating.get(key)
    if (creating === undefined) {
      creating = this.#create(serviceId, type, request.timeout ?? defaultTimeout)
      this.#creating.set(key, creating)
      const settled = () => {
        if (this.#creating.get(key) === creating) this.#creating.delete(key)
      }
      creating.then(settled, settled)
    }
    // Each caller has its own patience; the attempt goes on for the others.
    const limits = { clock: this.#clock, timeout: request.timeout ?? defaultTimeout, signals: [this.#closing.signal, request.signal] }
    return waitFor(creating, limits, 'a service session')
  }

  #used(entry: Entry): ServiceSession {
    this.#entries.delete(entry.key)
    this.#entries.set(entry.key, entry)
    if (this.#clock.now() - entry.routersReadAt > routersMaxAge) this.#refresh(entry).catch(() => {})
    return entry.session
  }

  async #create(serviceId: string, type: SessionType, timeout: Milliseconds): Promise<ServiceSession> {
    const generation = this.#generation
    const deadline = this.#clock.now() + timeout
    const backoff = createBackoff({ first: firstWait, max: maxWait, random: this.#options.random ?? Math.random })
    for (;;) {
      try {
        const session = { ...(await this.#options.controller.createSession(serviceId, type)), serviceId, type }
        if (generation === this.#generation && !this.#closing.signal.aborted) this.#keep(session, keyOf(serviceId, type))
        return session
      } catch (thrown) {
        const error = serviceSessionError(toCodedError(thrown, 'controller.failed'), serviceId, type)
        if (error.code === 'dial.no-service') this.#options.serviceMissing?.(serviceId)
        const wait = Math.max(backoff.next(), Number(error.detail['retryAfter'] ?? 0))
        if (!isPassing(error) || this.#closing.signal.aborted || this.#clock.now() + wait >= deadline) throw error
        await this.#sleep(wait)
      }
    }
  }

  #keep(session: ServiceSession, key: string): void {
    this.#entries.set(key, { key, session, routersReadAt: this.#clock.now() })
    const oldest = this.#entries.keys().next().value
    if (this.#entries.size > this.#limit && oldest !== undefined) this.#entries.delete(oldest)
  }

  #refresh(entry: Entry): Promise<ServiceSession> {
    entry.refreshing ??= this.#readRouters(entry.session)
      .then((routers) => {
        entry.session = { ...entry.session, routers }
        return entry.session
      })
      .finally(() => {
        // After a failure too: the next try in an hour, or after a failed dial.
        entry.routersReadAt = this.#clock.now()
        delete entry.refreshing
      })
    return entry.refreshing
  }

  /** Section 2.11: by the service, which every login can; before controller 1.0 by the stored session. */
  async #readRouters(session: ServiceSession): Promise<readonly RouterAddress[]> {
    try {
      return await this.#options.controller.serviceEdgeRouters(session.serviceId, session.token)
    } catch (error) {
      if (!isCodedError(error, 'controller.not-found')) throw error
      return await this.#options.controller.sessionEdgeRouters(session.id)
    }
  }

  #sleep(wait: Milliseconds): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(wait, resolve)
    })
  }
}

function keyOf(serviceId: string, type: SessionType): string {
  return `${type} ${serviceId}`
}

/** Of the kind that may be over in a moment. */
function isPassing(error: CodedError): boolean {
  return error.code === 'controller.unreachable' || error.code === 'controller.timeout' || error.code === 'controller.unavailable'
}
