import type { Milliseconds } from '@tunnel/flow'

/** An ACK of new data, outside of loss recovery. */
export interface AckedBytes {
  /** Newly acknowledged, also by SACK. */
  readonly bytes: number
  /** In flight before this ACK. */
  readonly flightBytes: number
  readonly now: Milliseconds
  readonly roundTrip: Milliseconds
}

/**
 * How much may be in flight (RFC 5681). One controller per connection; loss detection and the pace within a recovery
 * (PRR) are not its business. Sizes are bytes.
 */
export interface CongestionControl {
  readonly name: string
  /** Congestion window. */
  readonly windowBytes: number
  /** Slow start threshold. */
  readonly thresholdBytes: number
  acked(acked: AckedBytes): void
  /** Loss was detected: sets the threshold, which is the window once the recovery is over. Once per recovery. */
  lossDetected(flightBytes: number, now: Milliseconds): void
  /** The retransmission timer has expired: back to one segment. Once until what was in flight then has arrived. */
  timedOut(flightBytes: number, now: Milliseconds): void
  /** The recovery is over. */
  recovered(): void
  /** The last reduction was a mistake: nothing had been lost (RFC 4015). */
  undo(): void
  /** Starts slowly again, from at most `windowBytes`: after an idle time (RFC 5681 4.1), after a lost SYN (3.1). */
  restart(windowBytes: number): void
  mssChanged(mssBytes: number): void
}

/** Made once per connection, when the peer's largest segment size is known. */
export type CreateCongestionControl = (mssBytes: number) => CongestionControl

/** Ten segments (RFC 6928 2). */
export function initialWindowBytes(mssBytes: number): number {
  return Math.min(10 * mssBytes, Math.max(2 * mssBytes, 14_600))
}
