import { CodedError, silentLog, systemClock, type Clock, type DatagramFlow, type Flow, type Log, type Milliseconds } from '@tunnel/flow'
import { loadIdentity, type IdentityConfig, type Service } from '@tunnel/config'
import type { LoginKind } from './auth/choose-login.ts'
import type { ApplicationInfo } from './auth/client-info.ts'
import type { IncomingCall } from './bind/incoming-call.ts'
import { ServiceBinding, type BindOptions } from './bind/service-binding.ts'
import { ChannelOpener } from './channel/channel-opener.ts'
import { RouterPool } from './channel/router-pool.ts'
import { Circuit } from './circuit/circuit.ts'
import { DatagramCircuit } from './circuit/datagram-circuit.ts'
import { Dialer, type DialRequest } from './circuit/dial.ts'
import { PlaintextSlabs } from './circuit/plaintext-slabs.ts'
import { createControllerSession } from './controller/controller-session.ts'
import type { ControllerSession, IdentityInfo, NetworkPath, Precedence, RouterAddress, Unsubscribe } from './controller/types.ts'
import { keepProcessAlive } from './keep-alive.ts'
import { overlayStats, type OverlayStats } from './stats.ts'
import { loadCrypto, type Crypto } from './wire.ts'

export interface OverlayOptions extends NetworkPath {
  /** An identity as `loadIdentity` gives it, or where it is: a path, `-` for standard input, `env:NAME`. */
  readonly identity: IdentityConfig | string
  /** Most channels to one router. Default 4: a circuit whose reader sleeps can stop a channel, not all. */
  readonly channelsPerRouter?: number
  /** Connects to a router right after the login, when there is a service to dial, so that the first dial need not. Default false. */
  readonly warmUp?: boolean
  /** Between polls for service changes. Default 15 s. */
  readonly pollInterval?: Milliseconds
  /** Default `auto`: OIDC where the controller has it. */
  readonly auth?: LoginKind
  readonly application?: ApplicationInfo
  readonly clock?: Clock
  /** 0 to 1; for back-off. Default `Math.random`. */
  readonly random?: () => number
  readonly log?: Log
  /** Gives up the start, which else tries for ever while no controller can be reached. */
  readonly signal?: AbortSignal
}

/** Has the shape of core's `ServiceChange`. */
export interface ServiceChange {
  readonly kind: 'added' | 'changed' | 'removed'
  readonly service: Service
  readonly previous?: Service
}

/** Has the shape of core's `Binding`. */
export interface Binding {
  /** Routers on which a terminator of ours is established at present. */
  readonly established: number
  /** Resolves when the first terminator is established; rejects when there will never be one. */
  readonly ready: Promise<void>
  update(change: { cost?: number; precedence?: Precedence }): void
  close(): Promise<void>
}

/** A network of services as one identity sees it. Has the shape of core's `Overlay`. */
export interface EdgeOverlay {
  readonly identity: IdentityInfo
  /** By name, as core's contract says. */
  readonly services: ReadonlyMap<string, Service>
  /** First reports every present service as added, synchronously, then each change in order. */
  watch(listener: (change: ServiceChange) => void): Unsubscribe
  /**
   * A connection to a service. Rejects with `dial.refused`, `dial.no-terminator`, `dial.no-router`, `dial.timeout`,
   * `dial.aborted`, `dial.not-permitted`, `dial.encryption-required` or `overlay.closed`.
   */
  dial(service: Service, request: DialRequest, signal?: AbortSignal): Promise<Flow>
  dialDatagrams(service: Service, request: DialRequest, signal?: AbortSignal): Promise<DatagramFlow>
  /** Hosts a service: `accept` is called for each client, and answers within 5 s. Binds anew by itself until closed. */
  bind(service: Service, options: BindOptions, accept: (call: IncomingCall) => void): Promise<Binding>
  /** The edge routers that this identity may use, as the controller knows them: for those who check whether they can be reached. */
  routers(): Promise<readonly RouterAddress[]>
  stats(): OverlayStats
  /** Withdraws bindings, ends circuits, logs out. */
  close(reason?: CodedError): Promise<void>
}

const defaultChannelsPerRouter = 4
const defaultPollInterval: Milliseconds = 15_000

/**
 * Logs in and resolves when the services are known. Rejects when the controllers refuse this identity for good. The process
 * lives at least until `close`.
 */
export async function openOverlay(options: OverlayOptions): Promise<EdgeOverlay> {
  const { identity, connect, sockets, lookup, proxy, signal } = options
  const config = typeof identity === 'string' ? await loadIdentity({ file: identity }) : identity
  const { key, cert, ca } = config
  const controller = createControllerSession({
    ...options,
    controllers: config.controllers,
    credentials: { ...(key !== undefined && { key }), ...(cert !== undefined && { cert }), ...(ca !== undefined && { ca }) },
    path: { ...(connect && { connect }), ...(sockets && { sockets }), ...(lookup && { lookup }), ...(proxy !== undefined && { proxy }) },
    pollInterval: options.pollInterval ?? defaultPollInterval,
  })
  const letGo = keepProcessAlive()
  const stop = (): void => void controller.stop()
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) stop()
  try {
    const [crypto] = await Promise.all([loadCrypto(), controller.start()])
    return new Overlay(controller, crypto, options, letGo)
  } catch (error) {
    letGo()
    await controller.stop()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** The data plane over a control plane that has started. */
class Overlay implements EdgeOverlay {
  readonly #controller: ControllerSession
  readonly #letGo: () => void
  readonly #crypto: Crypto
  readonly #clock: Clock
  readonly #log: Log
  readonly #random: () => number
  readonly #slabs = new PlaintextSlabs()
  readonly #pool: RouterPool
  readonly #dialer: Dialer
  readonly #watches = new Set<Unsubscribe>()
  readonly #bindings = new Set<ServiceBinding>()
  #closed: CodedError | undefined

  constructor(controller: ControllerSession, crypto: Crypto, options: Omit<OverlayOptions, 'identity'>, letGo: () => void) {
    const { clock = systemClock, log = silentLog, random = Math.random, channelsPerRouter = defaultChannelsPerRouter } = options
    const common = { clock, log, random }
    const opener = new ChannelOpener({ controller, clock, log })
    this.#controller = controller
    this.#letGo = letGo
    this.#crypto = crypto
    this.#clock = clock
    this.#log = log
    this.#random = random
    this.#pool = new RouterPool({ ...common, channelsPerRouter, open: (router, signal) => opener.open(router, signal) })
    const callerId = (): string => controller.identity().name
    this.#dialer = new Dialer({ ...common, sessions: controller.sessions, pool: this.#pool, crypto, slabs: this.#slabs, callerId })
    opener.follow(this.#pool)
    if (options.warmUp === true) void this.#warmUp()
  }

  get identity(): IdentityInfo {
    return this.#controller.identity()
  }

  get services(): ReadonlyMap<string, Service> {
    return this.#controller.services.named
  }

  watch(listener: (change: ServiceChange) => void): Unsubscribe {
    if (this.#closed) return () => {}
    const unsubscribe = this.#controller.services.watch((change) => {
      if (!this.#closed) listener(change)
    })
    this.#watches.add(unsubscribe)
    return () => {
      unsubscribe()
      this.#watches.delete(unsubscribe)
    }
  }

  async dial(service: Service, request: DialRequest, signal?: AbortSignal): Promise<Flow> {
    this.#checkOpen()
    return this.#dialer.dial(service, request, (connection, info) => new Circuit(connection, info), signal)
  }

  async dialDatagrams(service: Service, request: DialRequest, signal?: AbortSignal): Promise<DatagramFlow> {
    this.#checkOpen()
    return this.#dialer.dial(service, request, (connection, info) => new DatagramCircuit(connection, info), signal)
  }

  async bind(service: Service, options: BindOptions, accept: (call: IncomingCall) => void): Promise<Binding> {
    this.#checkOpen()
    const { name } = service
    if (!service.permissions.includes('Bind')) {
      throw new CodedError('bind.not-permitted', `this identity may not host service '${name}': ask for a bind policy`, { detail: { service: name } })
    }
    const binding = new ServiceBinding(
      { sessions: this.#controller.sessions, pool: this.#pool, crypto: this.#crypto, slabs: this.#slabs, clock: this.#clock, log: this.#log, random: this.#random },
      service, options, accept,
    )
    this.#bindings.add(binding)
    binding.onClose(() => this.#bindings.delete(binding))
    return binding
  }

  routers(): Promise<readonly RouterAddress[]> {
    return this.#controller.identityRouters()
  }

  stats(): OverlayStats {
    return overlayStats(this.#pool.channels(), [...this.#bindings])
  }

  async close(reason: CodedError = new CodedError('overlay.closed', 'the overlay was closed')): Promise<void> {
    if (this.#closed) return
    this.#closed = new CodedError('overlay.closed', reason.message, { cause: reason })
    for (const unsubscribe of this.#watches) unsubscribe()
    await Promise.all([...this.#bindings].map((binding) => binding.close(this.#closed)))
    await this.#pool.close(this.#closed)
    await this.#controller.stop()
    this.#letGo()
  }

  /** Which routers a service has is known by its session only; most have those of the identity. */
  async #warmUp(): Promise<void> {
    if (![...this.services.values()].some(({ permissions }) => permissions.includes('Dial'))) return
    try {
      await this.#pool.warmUp(await this.routers())
    } catch (error) {
      this.#log('debug', 'edge/overlay.warmUp', `no router is connected ahead of the first dial: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closed
  }
}
