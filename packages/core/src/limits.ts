/** Bounds of one tunneler. Every one refuses, counts and logs; none waits. */
export interface Limits {
  /** Flows alive at once, dialled and hosted together. */
  readonly maxFlows: number
  /** Dials that have no answer yet. */
  readonly maxDialsInFlight: number
  /** Connections alive at once for one hosted terminator. */
  readonly maxHostedConnections: number
}

/**
 * 10,000 flows hold 300 MB at the 30 KB per open connection that we aim at. A hosted service gets half of them, so
 * that one busy server cannot shut out all else. 1,024 dials in flight: above it the overlay is the bottleneck, and a
 * client is served better by an answer than by a place in a queue.
 */
export const defaultLimits: Limits = { maxFlows: 10_000, maxDialsInFlight: 1_024, maxHostedConnections: 5_000 }
