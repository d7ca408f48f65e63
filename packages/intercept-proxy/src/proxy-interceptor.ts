import type { ApplyReport, Interceptor, InterceptTable, WantedListener } from '@tunnel/core/contracts'
import {
  formatEndpoint,
  isCodedError,
  silentLog,
  systemClock,
  type Clock,
  type CodedError,
  type HostChange,
  type Log,
  type Milliseconds,
  type TcpRequest,
  type UdpRequest,
} from '@tunnel/flow'
import { UdpSessions } from '@tunnel/flow/node'
import { lookupHostInterface, resolveBindAddress, type LookupInterface } from './bind-address.ts'
import { createListenError, toListenError } from './listen-error.ts'
import { listenerKey, type Listener, type ListenerSpec } from './listener.ts'
import { openTcpListener } from './tcp-listener.ts'
import { openUdpListener, UdpListener } from './udp-listener.ts'

export interface ProxyInterceptorOptions {
  /** Where to bind listeners that do not say it themselves: an IP address or an interface name. Default 0.0.0.0. */
  readonly bind?: string
  readonly log?: Log
  readonly clock?: Clock
  /** A UDP session ends when nothing has passed for so long. Default 5 minutes; port 53 never more than 5 seconds. */
  readonly udpIdle?: Milliseconds
  /** Datagrams that wait in each session until it is accepted; more are dropped. Default 16. */
  readonly udpQueue?: number
  /** UDP sessions of all listeners together; for one more, the longest idle ends. Default 4096. */
  readonly udpSessions?: number
  readonly lookupInterface?: LookupInterface
}

export interface ProxyStats {
  readonly udpSessions: number
  /** UDP sessions that ended to make room for others. */
  readonly displacedSessions: number
  /** Datagrams dropped because a queue, or the kernel's send queue, was full. */
  readonly droppedDatagrams: number
}

export interface ProxyInterceptor extends Interceptor {
  readonly kind: 'proxy'
  readonly stats: ProxyStats
}

const minutes = 60_000
const dnsIdle: Milliseconds = 5_000
const logSource = 'intercept/proxy.proxyInterceptor.runServiceListener'

/** Opens a plain listener for each wanted service. Needs no root for ports from 1024 up. */
export function createProxyInterceptor(options: ProxyInterceptorOptions = {}): ProxyInterceptor {
  return new Proxies(options)
}

type Resolved = { readonly spec: ListenerSpec } | { readonly service: string; readonly error: CodedError }

class Proxies implements ProxyInterceptor {
  readonly kind = 'proxy'
  readonly #bind: string
  readonly #log: Log
  readonly #clock: Clock
  readonly #udpIdle: Milliseconds
  readonly #udpQueue: number
  readonly #udpSessions: UdpSessions
  readonly #lookupInterface: LookupInterface
  readonly #listeners = new Map<string, Listener>()
  /** UDP sockets of removed listeners, kept for their sessions. */
  readonly #draining = new Map<string, UdpListener>()
  #droppedDatagrams = 0
  #handler: ((request: TcpRequest | UdpRequest) => void) | undefined
  #applying: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: ProxyInterceptorOptions) {
    this.#bind = options.bind ?? '0.0.0.0'
    this.#log = options.log ?? silentLog
    this.#clock = options.clock ?? systemClock
    this.#udpIdle = options.udpIdle ?? 5 * minutes
    this.#udpQueue = options.udpQueue ?? 16
    this.#udpSessions = new UdpSessions(options.udpSessions ?? 4_096)
    this.#lookupInterface = options.lookupInterface ?? lookupHostInterface
  }

  get stats(): ProxyStats {
    const { size: udpSessions, displaced: displacedSessions } = this.#udpSessions
    return { udpSessions, displacedSessions, droppedDatagrams: this.#droppedDatagrams }
  }

  onRequest(handler: (request: TcpRequest | UdpRequest) => void): void {
    this.#handler = handler
  }

  plan(wanted: InterceptTable): HostChange[] {
    const { specs } = this.#resolve(wanted)
    const closing = [...this.#listeners].filter(([key]) => !specs.has(key))
    const opening = [...specs].filter(([key, spec]) => !this.#serves(key, spec))
    return [
      ...closing.map(([key, { service }]): HostChange => ({
        kind: 'listener.close',
        summary: `stop listening on ${key} for service '${service}'`,
        parameters: { listener: key, service },
      })),
      ...opening.map(([key, { service, protocol, address, port }]): HostChange => ({
        kind: 'listener.open',
        summary: `listen on ${key} for service '${service}'`,
        parameters: { service, protocol, address, port },
      })),
    ]
  }

  apply(wanted: InterceptTable): Promise<ApplyReport> {
    const report = this.#applying.then(() => this.#apply(wanted))
    this.#applying = report.catch(() => {})
    return report
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#applying
    for (const key of [...this.#listeners.keys()]) this.#remove(key)
  }

  async #apply(wanted: InterceptTable): Promise<ApplyReport> {
    const { specs, failed } = this.#resolve(wanted)
    const removed: string[] = []
    const applied: string[] = []
    for (const [key, listener] of this.#draining) if (!listener.open) this.#draining.delete(key)
    for (const [key, { service }] of [...this.#listeners]) {
      if (specs.has(key) && specs.get(key)?.service === service) continue
      removed.push(`stopped listening on ${key} for service '${service}'`)
      if (!specs.has(key)) this.#remove(key)
    }
    for (const [key, spec] of specs) {
      if (this.#serves(key, spec)) continue
      try {
        await this.#open(key, spec)
        applied.push(`listening on ${key} for service '${spec.service}'`)
      } catch (error) {
        // Not logged here: whoever asked gets the report, and knows what is news of it.
        failed.push({ service: spec.service, error: isCodedError(error) ? error : toListenError(spec, error) })
      }
    }
    return { applied, removed, failed }
  }

  /** The table as listeners of the system, and what of it cannot be. The first of two that collide wins. */
  #resolve(wanted: InterceptTable): { specs: Map<string, ListenerSpec>; failed: { service: string; error: CodedError }[] } {
    const specs = new Map<string, ListenerSpec>()
    const failed: { service: string; error: CodedError }[] = []
    for (const listener of wanted.listeners) {
      const resolved = this.#resolveOne(listener)
      if ('error' in resolved) {
        failed.push(resolved)
        continue
      }
      const { spec } = resolved
      const first = specs.get(listenerKey(spec))
      if (!first) specs.set(listenerKey(spec), spec)
      else if (first.service !== spec.service) {
        const error = createListenError('proxy.port-in-use', spec, `service '${first.service}' has it already. Choose another port`)
        failed.push({ service: spec.service, error })
      }
    }
    return { specs, failed }
  }

  #resolveOne({ service, protocol, address: binding = this.#bind, port }: WantedListener): Resolved {
    const address = resolveBindAddress(binding, this.#lookupInterface)
    const spec = { service, protocol, address: address ?? binding, port }
    if (address === undefined) {
      const why = `'${binding}' is neither an IP address nor a network interface with an address. Correct the binding`
      return { service, error: createListenError('proxy.interface-unknown', spec, why) }
    }
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      return { service, error: createListenError('proxy.port-invalid', spec, 'the port must be from 1 to 65535') }
    }
    return { spec }
  }

  #serves(key: string, spec: ListenerSpec): boolean {
    const listener = this.#listeners.get(key)
    return listener?.open === true && listener.service === spec.service
  }

  async #open(key: string, spec: ListenerSpec): Promise<void> {
    if (this.#closed) throw createListenError('proxy.closed', spec, 'the interceptor is closed')
    const present = this.#listeners.get(key)
    const draining = this.#draining.get(key)
    if (present?.open) present.service = spec.service
    else if (draining?.open) {
      draining.restart(spec.service)
      this.#listeners.set(key, draining)
    } else this.#listeners.set(key, await this.#openSocket(key, spec))
    this.#draining.delete(key)
    this.#log('info', logSource, 'service is listening', { addr: formatEndpoint(spec), service: spec.service })
  }

  #openSocket(key: string, spec: ListenerSpec): Promise<Listener> {
    const onLost = (error: Error): void => {
      this.#listeners.delete(key)
      this.#log('error', logSource, toListenError(spec, error).message, { addr: formatEndpoint(spec), service: spec.service })
    }
    if (spec.protocol === 'tcp') return openTcpListener(spec, (request) => this.#request(request), onLost)
    return openUdpListener(spec, {
      clock: this.#clock,
      idle: spec.port === 53 ? Math.min(dnsIdle, this.#udpIdle) : this.#udpIdle,
      queue: this.#udpQueue,
      sessions: this.#udpSessions,
      onRequest: (request) => this.#request(request),
      onDrop: () => (this.#droppedDatagrams += 1),
      onLost,
    })
  }

  #remove(key: string): void {
    const listener = this.#listeners.get(key)
    if (!listener) return
    this.#listeners.delete(key)
    listener.stop()
    if (listener instanceof UdpListener && listener.open) this.#draining.set(key, listener)
  }

  #request(request: TcpRequest | UdpRequest): void {
    if (this.#handler) this.#handler(request)
    else request.refuse('reset')
  }
}
