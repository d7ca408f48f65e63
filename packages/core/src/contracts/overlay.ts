import type { Service } from '@tunnel/config'
import type { CodedError, DatagramFlow, Flow, Milliseconds, Protocol } from '@tunnel/flow'

export type Unsubscribe = () => void

export interface ServiceChange {
  readonly kind: 'added' | 'changed' | 'removed'
  /** The service as it is now; for `removed` as it was last. */
  readonly service: Service
  /** For `changed`: as it was before. */
  readonly previous?: Service
}

/** Who we are on the overlay: needed by templates and by the cost of what we host. */
export interface OverlayIdentity {
  readonly id: string
  readonly name: string
  readonly appData: Readonly<Record<string, unknown>>
  readonly defaultHostingCost: number
  readonly defaultHostingPrecedence: Precedence
  readonly serviceHostingCosts: Readonly<Record<string, number>>
  readonly serviceHostingPrecedences: Readonly<Record<string, Precedence>>
}

export type Precedence = 'default' | 'required' | 'failed'

export interface DialRequest {
  readonly protocol: Protocol
  /** Terminator instance to reach; any when absent. */
  readonly identity?: string
  /** AppData members (protocol section 4.4): all values are strings, ports too. */
  readonly appData?: Readonly<Record<string, string>>
  /** Time allowed for the whole dial. The overlay has its own default. */
  readonly timeout?: Milliseconds
}

export interface BindOptions {
  /** Instance name of the terminator. */
  readonly identity?: string
  readonly cost?: number
  readonly precedence?: Precedence
  /** Number of routers to bind on. Default 3. */
  readonly maxConnections?: number
}

/** A client of ours wants a connection. Exactly one answer, within 5 s (protocol section 5.2). */
export interface IncomingCall {
  readonly service: string
  readonly circuitId?: string
  /** Name that the caller gives itself: not proven. */
  readonly callerId?: string
  /** Set by the router, hence trustworthy; absent with routers before 2.0. */
  readonly dialerIdentityId?: string
  readonly dialerIdentityName?: string
  /** Parsed AppData; empty when absent or not JSON. */
  readonly appData: Readonly<Record<string, string>>
  accept(): Flow
  acceptDatagrams(): DatagramFlow
  refuse(reason: string): void
}

/** One hosted service instance. It rebinds by itself until closed. */
export interface Binding {
  /** Routers on which a terminator of ours is established at present. */
  readonly established: number
  /** Resolves when the first terminator is established; rejects when the overlay gives up for good. */
  readonly ready: Promise<void>
  update(change: { cost?: number; precedence?: Precedence }): void
  /** Withdraws the terminators. Flows that were accepted live on. */
  close(): Promise<void>
}

/**
 * A network that knows services. `services` and `watch` agree: `watch` first reports every present service as added,
 * synchronously, then each change in order. After `close` nothing is reported and `dial` rejects with `overlay.closed`.
 *
 * Error codes of `dial`: `dial.refused`, `dial.no-terminator`, `dial.no-router`, `dial.timeout`, `dial.aborted`,
 * `dial.not-permitted`, `dial.encryption-required`, `overlay.closed`.
 */
export interface Overlay {
  readonly identity: OverlayIdentity
  /** What this identity may dial or bind at present, by service name. */
  readonly services: ReadonlyMap<string, Service>
  watch(listener: (change: ServiceChange) => void): Unsubscribe
  dial(service: Service, request: DialRequest, signal?: AbortSignal): Promise<Flow>
  dialDatagrams(service: Service, request: DialRequest, signal?: AbortSignal): Promise<DatagramFlow>
  bind(service: Service, options: BindOptions, accept: (call: IncomingCall) => void): Promise<Binding>
  /** Orderly: bindings are withdrawn, circuits end, then everything is released. */
  close(error?: CodedError): Promise<void>
}
