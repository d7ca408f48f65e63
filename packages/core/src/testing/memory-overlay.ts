import type { Service } from '@tunnel/config'
import { CodedError } from '@tunnel/flow'
import type { DatagramFlow, Flow } from '@tunnel/flow'
import type {
  BindOptions,
  Binding,
  DialRequest,
  IncomingCall,
  Overlay,
  OverlayIdentity,
  Precedence,
  ServiceChange,
  Unsubscribe,
} from '../contracts/overlay.ts'
import { placeCall } from './memory-call.ts'
import type { Accepted } from './memory-call.ts'
import type { SharedState } from './memory-network.ts'

/** One bound instance of a service. */
export interface Terminator {
  readonly serviceId: string
  readonly owner: MemoryOverlay
  readonly identity: string | undefined
  readonly accept: (call: IncomingCall) => void
  cost: number
  precedence: Precedence
}

/** One identity on a `MemoryNetwork`. */
export class MemoryOverlay implements Overlay {
  readonly identity: OverlayIdentity
  readonly #shared: SharedState
  readonly #listeners = new Set<(change: ServiceChange) => void>()
  /** Ends every flow and dial of ours when we close. */
  readonly #ends = new Set<(error: CodedError) => void>()
  #closed: CodedError | undefined

  constructor(shared: SharedState, identity: OverlayIdentity) {
    this.#shared = shared
    this.identity = identity
  }

  get services(): ReadonlyMap<string, Service> {
    return this.#shared.services
  }

  tell(change: ServiceChange): void {
    if (!this.#closed) for (const listener of [...this.#listeners]) listener(change)
  }

  watch(listener: (change: ServiceChange) => void): Unsubscribe {
    if (this.#closed) return () => {}
    // A wrapper, so that the same function may watch twice.
    const own = (change: ServiceChange): void => listener(change)
    for (const service of this.#shared.services.values()) own({ kind: 'added', service })
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  async dial(service: Service, request: DialRequest, signal?: AbortSignal): Promise<Flow> {
    const accepted = await this.#call(service, request, signal)
    if (accepted.protocol === 'tcp') return accepted.flow
    accepted.flow.close()
    throw new CodedError('dial.refused', 'the host took the connection for datagrams')
  }

  async dialDatagrams(service: Service, request: DialRequest, signal?: AbortSignal): Promise<DatagramFlow> {
    const accepted = await this.#call(service, request, signal)
    if (accepted.protocol === 'udp') return accepted.flow
    accepted.flow.attach({ data: () => {}, end: () => {}, drain: () => {}, close: () => {} })
    accepted.flow.reset(new CodedError('dial.refused', 'datagrams were asked for'))
    throw new CodedError('dial.refused', 'the host took the datagrams for a connection')
  }

  async bind(service: Service, options: BindOptions, accept: (call: IncomingCall) => void): Promise<Binding> {
    if (this.#closed) throw this.#closed
    if (!service.permissions.includes('Bind')) throw new CodedError('bind.not-permitted', `may not bind "${service.name}"`)
    const { cost = 0, precedence = 'default', identity } = options
    const terminator: Terminator = { serviceId: service.id, owner: this, identity, accept, cost, precedence }
    const { terminators } = this.#shared
    terminators.add(terminator)
    return {
      get established() {
        return terminators.has(terminator) ? 1 : 0
      },
      ready: Promise.resolve(),
      update: (change) => void Object.assign(terminator, change),
      close: async () => void terminators.delete(terminator),
    }
  }

  async close(error?: CodedError): Promise<void> {
    if (this.#closed) return
    this.#closed = error ?? new CodedError('overlay.closed', `the connection of identity "${this.identity.name}" is closed`)
    for (const terminator of [...this.#shared.terminators]) {
      if (terminator.owner === this) this.#shared.terminators.delete(terminator)
    }
    this.#listeners.clear()
    for (const end of [...this.#ends]) end(this.#closed)
    // The ends are heard in microtasks; after this, none is outstanding.
    await new Promise<void>((resolve) => queueMicrotask(resolve))
  }

  /** Registers something that dies with this identity; the result takes it off again. */
  onClose(end: (error: CodedError) => void): () => void {
    this.#ends.add(end)
    return () => this.#ends.delete(end)
  }

  #call(service: Service, request: DialRequest, signal?: AbortSignal): Promise<Accepted> {
    if (this.#closed) return Promise.reject(new CodedError('overlay.closed', this.#closed.message))
    if (!service.permissions.includes('Dial') || !this.#shared.services.has(service.name)) {
      return Promise.reject(new CodedError('dial.not-permitted', `may not dial "${service.name}"`))
    }
    const terminator = choose(this.#shared.terminators, service, request.identity)
    if (!terminator) {
      const instance = request.identity === undefined ? '' : ` for instance "${request.identity}"`
      return Promise.reject(new CodedError('dial.no-terminator', `service "${service.name}" has no terminators${instance}`))
    }
    return placeCall({ shared: this.#shared, dialer: this, terminator, service, request, signal })
  }
}

/** `required` before `default` before `failed`; then the lowest cost; then the oldest. */
function choose(terminators: Iterable<Terminator>, service: Service, instance?: string): Terminator | undefined {
  const rank = { required: 0, default: 1, failed: 2 }
  return [...terminators]
    .filter((terminator) => terminator.serviceId === service.id && terminator.identity === instance)
    .sort((a, b) => rank[a.precedence] - rank[b.precedence] || a.cost - b.cost)[0]
}
