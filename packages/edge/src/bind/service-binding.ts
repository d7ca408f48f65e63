import { randomUUID } from 'node:crypto'
import { CodedError, toCodedError, type Cancel, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import type { Service } from '@tunnel/config'
import type { RouterPool } from '../channel/router-pool.ts'
import type { PlaintextSlabs } from '../circuit/plaintext-slabs.ts'
import { createDeferred } from '../controller/deferred.ts'
import type { Precedence, RouterAddress, ServiceSession, SessionStore } from '../controller/types.ts'
import type { Crypto, KeyPair } from '../wire.ts'
import { defaultTerms, type TerminatorTerms } from './bind-request.ts'
import type { IncomingCall } from './incoming-call.ts'
import { RouterBind, type BindEnd } from './router-bind.ts'

/** Has the shape of core's `BindOptions`. */
export interface BindOptions {
  readonly identity?: string
  readonly cost?: number
  readonly precedence?: Precedence
  readonly maxConnections?: number
}

export interface ServiceBindingOptions {
  readonly sessions: SessionStore
  readonly pool: RouterPool
  readonly crypto: Crypto
  readonly slabs: PlaintextSlabs
  readonly clock: Clock
  readonly log: Log
  /** 0 to 1. */
  readonly random: () => number
}

const defaultMaxConnections = 3
/** Protocol section 5.5: with no router, with fewer than wanted, with all. */
const lookAgain: Readonly<Record<'none' | 'fewer' | 'all', Milliseconds>> = { none: 5_000, fewer: 30_000, all: 30 * 60_000 }
const backOffLimit: Milliseconds = 32_000
/** A router may hear of a new service some seconds after we do, and refuses it until then (docs/real-network.md). */
const youngBackOffLimit: Milliseconds = 2_000
const newsTime: Milliseconds = 60_000
/** Errors that no later try changes: the overlay ends, or the policy was taken away. */
const finalCodes: ReadonlySet<string> = new Set(['overlay.closed', 'dial.no-service'])

type RouterState =
  | { readonly kind: 'opening' }
  | { readonly kind: 'bound'; readonly bind: RouterBind }
  | { readonly kind: 'waiting'; readonly until: Milliseconds }
  | { readonly kind: 'replaced' }

/** A hosted service: terminators of it on up to `maxConnections` routers, made anew when they are lost. */
export class ServiceBinding {
  readonly ready: Promise<void>
  readonly #options: ServiceBindingOptions
  readonly #service: Service
  readonly #accept: (call: IncomingCall) => void
  readonly #identity: string | undefined
  readonly #wanted: number
  readonly #listenerId = randomUUID()
  readonly #since: Milliseconds
  readonly #keyPair: KeyPair | undefined
  readonly #routers = new Map<string, RouterState>()
  readonly #settle: { readonly resolve: () => void; readonly reject: (error: CodedError) => void }
  #terms: TerminatorTerms
  readonly #closeListeners: (() => void)[] = []
  /** Terms were changed: terminators of ours with others may be about. */
  #updated = false
  #failures = 0
  #timer: Cancel | undefined
  #looking = false
  #closed = false

  constructor(options: ServiceBindingOptions, service: Service, bind: BindOptions, accept: (call: IncomingCall) => void) {
    const { promise, resolve, reject } = createDeferred<void>()
    this.#options = options
    this.#since = options.clock.now()
    this.#service = service
    this.#accept = accept
    this.#identity = bind.identity
    this.#wanted = bind.maxConnections ?? defaultMaxConnections
    this.#terms = { cost: bind.cost ?? defaultTerms.cost, precedence: bind.precedence ?? defaultTerms.precedence }
    this.#keyPair = service.encryptionRequired ? options.crypto.keyPair() : undefined
    this.ready = promise
    this.#settle = { resolve, reject }
    // Nobody need wait for it.
    promise.catch(() => {})
    void this.#look()
  }

  get service(): Service {
    return this.#service
  }

  get established(): number {
    return this.#binds().filter((bind) => bind.established).length
  }

  update(change: { cost?: number; precedence?: Precedence }): void {
    this.#terms = { cost: change.cost ?? this.#terms.cost, precedence: change.precedence ?? this.#terms.precedence }
    this.#updated = true
    for (const [url, state] of this.#routers) {
      if (state.kind !== 'bound') continue
      if (state.bind.updatable) state.bind.update(this.#terms)
      else this.#renew(url, state.bind)
    }
  }

  /** By another channel the router takes the new terms; the circuits of the old bind live on. */
  #renew(url: string, bind: RouterBind): void {
    bind.close()
    this.#routers.delete(url)
    void this.#look()
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }

  async close(error?: CodedError): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.()
    for (const bind of this.#binds()) bind.close()
    this.#routers.clear()
    for (const listener of this.#closeListeners) listener()
    this.#settle.reject(error ?? new CodedError('bind.closed', `the binding of '${this.#service.name}' was closed`))
  }

  #binds(): RouterBind[] {
    return [...this.#routers.values()].flatMap((state) => (state.kind === 'bound' ? [state.bind] : []))
  }

  /** Starts what is missing. Serialised; what happens meanwhile leads to another look. */
  async #look(): Promise<void> {
    if (this.#looking || this.#closed) return
    this.#looking = true
    this.#timer?.()
    try {
      const session = await this.#options.sessions.bind(this.#service.id)
      this.#looking = false
      if (!this.#closed) this.#fill(session)
    } catch (error) {
      this.#looking = false
      this.#sessionFailed(toCodedError(error, 'bind.no-session'))
    }
  }

  #sessionFailed(error: CodedError): void {
    if (this.#closed) return
    if (finalCodes.has(error.code)) return void this.close(error)
    this.#options.log('warn', 'edge/binding.session', `cannot host '${this.#service.name}' yet: ${error.message}`, { code: error.code })
    this.#lookIn(lookAgain.none)
  }

  #fill(session: ServiceSession): void {
    const { clock } = this.#options
    const now = clock.now()
    this.#forget(session, now)
    const inUse = [...this.#routers.values()].filter(({ kind }) => kind === 'opening' || kind === 'bound').length
    const free = session.routers.filter(({ url }) => {
      const state = this.#routers.get(url)
      return state === undefined || (state.kind === 'waiting' && state.until <= now)
    })
    const chosen = free.slice(0, Math.max(0, this.#wanted - inUse))
    for (const router of chosen) void this.#bindOn(router, session)
    this.#plan(inUse + chosen.length, session)
  }

  #plan(bound: number, session: ServiceSession): void {
    const usual = lookAgain[bound === 0 && session.routers.length === 0 ? 'none' : bound < this.#wanted ? 'fewer' : 'all']
    this.#lookIn(bound < this.#wanted ? Math.min(usual, this.#nextTry()) : usual, session)
  }

  /** Lost routers whose time has come and that are no longer there to be tried. */
  #forget({ routers }: ServiceSession, now: Milliseconds): void {
    for (const [lost, state] of this.#routers) {
      if (state.kind === 'waiting' && state.until <= now && !routers.some(({ url }) => url === lost)) this.#routers.delete(lost)
    }
  }

  /** Until the first of the lost routers may be tried again. */
  #nextTry(): Milliseconds {
    const now = this.#options.clock.now()
    return Math.min(...[...this.#routers.values()].flatMap((state) => (state.kind === 'waiting' ? [Math.max(0, state.until - now)] : [])))
  }

  #lookIn(delay: Milliseconds, stale?: ServiceSession): void {
    this.#timer?.()
    this.#timer = this.#options.clock.after(delay, () => void this.#refresh(delay >= lookAgain.none ? stale : undefined))
  }

  /** Routers may have come since the session was made. */
  async #refresh(stale: ServiceSession | undefined): Promise<void> {
    if (stale) await this.#options.sessions.refreshRouters(stale).catch(() => {})
    await this.#look()
  }

  async #bindOn(router: RouterAddress, session: ServiceSession): Promise<void> {
    const { pool, crypto, slabs, clock, log } = this.#options
    this.#routers.set(router.url, { kind: 'opening' })
    try {
      const channel = await pool.forBind(router)
      if (this.#closed) return
      const bind = new RouterBind({
        connection: { channel, crypto, slabs },
        clock,
        log,
        service: this.#service.name,
        sessionToken: session.token,
        repeatTerms: this.#updated,
        request: {
          ...this.#terms,
          listenerId: this.#listenerId,
          ...(this.#identity !== undefined && { identity: this.#identity }),
          ...(this.#keyPair && { publicKey: this.#keyPair.publicKey }),
        },
        ...(this.#keyPair && { keyPair: this.#keyPair }),
        accept: this.#accept,
        established: () => this.#established(router),
        ended: (end, error) => this.#ended(router, session, end, error),
      })
      this.#routers.set(router.url, { kind: 'bound', bind })
      bind.open()
    } catch (error) {
      this.#ended(router, session, 'lost', toCodedError(error, 'bind.no-router'))
    }
  }

  #established(router: RouterAddress): void {
    this.#failures = 0
    this.#options.log('info', 'edge/binding.established', `hosting '${this.#service.name}'`, { router: router.url })
    this.#settle.resolve()
  }

  #ended(router: RouterAddress, session: ServiceSession, end: BindEnd, error: CodedError): void {
    if (this.#closed) return
    const { clock, log, random, sessions } = this.#options
    const refused = error.code === 'bind.refused'
    // What becomes of a channel is told once, not for each service.
    log(refused ? 'warn' : 'debug', 'edge/binding.ended', error.message, { router: router.url, code: error.code })
    if (end === 'never') return void this.close(error)
    if (end === 'replaced') {
      this.#routers.set(router.url, { kind: 'replaced' })
      return
    }
    if (end === 'session') sessions.invalidate(session)
    const young = refused && clock.now() - this.#since < newsTime
    const wait = random() * Math.min(young ? youngBackOffLimit : backOffLimit, 1000 * 2 ** this.#failures)
    this.#failures += 1
    this.#routers.set(router.url, { kind: 'waiting', until: clock.now() + wait })
    this.#lookIn(this.#nextTry())
  }
}
