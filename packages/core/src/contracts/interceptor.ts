import type { InterceptV1, Service } from '@tunnel/config'
import type { CodedError, HostChange, Protocol, TcpRequest, UdpRequest } from '@tunnel/flow'

/** A listener that a user or a `proxy.v1` config asks for: for interceptors of kind `proxy`. */
export interface WantedListener {
  readonly service: string
  readonly protocol: Protocol
  /** Address to bind; the interceptor's own default when absent. */
  readonly address?: string
  readonly port: number
}

/** One service that is to be intercepted by its addresses: for interceptors of kind `tproxy` and `tun`. */
export interface WantedIntercept {
  readonly service: Service
  readonly intercept: InterceptV1
}

/** The whole wanted state. An interceptor takes what concerns its kind and ignores the rest. */
export interface InterceptTable {
  readonly listeners: readonly WantedListener[]
  readonly intercepts: readonly WantedIntercept[]
}

export interface ApplyReport {
  /** Human lines, one per thing that is now in effect and was not before. */
  readonly applied: readonly string[]
  readonly removed: readonly string[]
  /** What could not be done; the rest is in effect. One bad service never stops the others. */
  readonly failed: readonly { readonly service: string; readonly error: CodedError }[]
}

/**
 * Turns host traffic into requests. Declarative: it is given the whole table and makes the host so.
 * `apply` is idempotent and serialised; it retries what failed when it is called again.
 */
export interface Interceptor {
  readonly kind: 'tproxy' | 'tun' | 'proxy'
  /** Pure: what `apply` would change, for `--plan`, tests and logs. */
  plan(wanted: InterceptTable): HostChange[]
  apply(wanted: InterceptTable): Promise<ApplyReport>
  /** Exactly one handler, set before the first `apply`. */
  onRequest(handler: (request: TcpRequest | UdpRequest) => void): void
  /** Stops taking requests and undoes every change. Flows that were accepted live on. */
  close(): Promise<void>
}
