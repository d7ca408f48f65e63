import type { Flow, Milliseconds } from '@tunnel/flow'
import { TcpFlow } from './tcp-flow.ts'
import type { TcpState } from './tcp-state.ts'

/** How a connection stands, for people and for tests. Sizes are bytes. */
export interface TcpInfo {
  readonly state: TcpState
  /** Data of the largest segment that the peer and the path take. */
  readonly mssBytes: number
  /** What may be in flight now; infinity without congestion control. */
  readonly congestionWindowBytes: number
  /** Infinity before the first loss. */
  readonly slowStartThresholdBytes: number
  /** Lost segments are being replaced: found by later ones that arrived, or by the retransmission timer. */
  readonly recovery: 'open' | 'fast' | 'timeout'
  /** Sent, and not acknowledged in order; of these arrived out of order, and believed lost. SYN and FIN count as one. */
  readonly unacknowledgedBytes: number
  readonly sackedBytes: number
  readonly lostBytes: number
  /** Accepted by `send`, and not yet sent. */
  readonly unsentBytes: number
  /** Received, and not yet taken by the application. */
  readonly unreadBytes: number
  /** Window that the peer has named. */
  readonly sendWindowBytes: number
  readonly retransmissions: number
  /** Smoothed; undefined before the first is measured. */
  readonly roundTrip: Milliseconds | undefined
  /** As it stands, backed off. */
  readonly retransmissionTimeout: Milliseconds
}

/** How the connection of `flow` stands; undefined if it is no TCP flow of a stack. */
export function tcpInfo(flow: Flow): TcpInfo | undefined {
  return flow instanceof TcpFlow ? flow.connection.info() : undefined
}
