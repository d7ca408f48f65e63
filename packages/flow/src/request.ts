import type { Endpoint } from './endpoint.ts'
import type { DatagramFlow, Flow } from './flow.ts'

/**
 * Why a connection is refused. An interceptor says it in the words of its protocol where it can (RST, ICMP), and
 * closes where it cannot.
 */
export type RefuseReason = 'reset' | 'host-unreachable' | 'prohibited'

/** A connection that somebody tries to open. Exactly one of `accept` and `refuse` is called, once. */
export interface TcpRequest {
  readonly protocol: 'tcp'
  readonly from: Endpoint
  readonly to: Endpoint
  /** Set by interceptors whose listeners belong to a service; absent where the destination decides. */
  readonly service?: string
  accept(): Flow
  refuse(reason: RefuseReason): void
  /** Called when the asker went away before an answer; at once if it already has. */
  onAbandon(handler: () => void): void
}

/** The first datagram of an unknown pair of endpoints. The flow delivers it first. */
export interface UdpRequest {
  readonly protocol: 'udp'
  readonly from: Endpoint
  readonly to: Endpoint
  readonly service?: string
  accept(): DatagramFlow
  refuse(reason: RefuseReason): void
}
