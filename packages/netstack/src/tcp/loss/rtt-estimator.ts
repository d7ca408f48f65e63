import type { Milliseconds } from '@tunnel/flow'

/** RFC 6298 2.1. */
const initialTimeout = 1_000
/**
 * RFC 6298 2.4 asks for a second at least; this is what Linux has: more than any peer delays an ACK by. A timeout that was
 * wrong all the same costs one segment, because it is noticed and undone (RFC 4015).
 */
const leastTimeout = 200
/** How far the timeout stays above the round trip, however steady that is: more than most peers delay an ACK by. */
const leastMargin = 50
/** RFC 6298 2.5 allows a bound of 60 seconds or more. */
const mostTimeout = 60_000
/** RFC 6298 5.7. */
const timeoutAfterLostSyn = 3_000
/** How long the least round trip is believed. Paths change. */
const leastRoundTripLife = 300_000

/** Smoothed round-trip time and retransmission timeout (RFC 6298). */
export class RttEstimator {
  /** SRTT; undefined before the first sample. */
  smoothed: Milliseconds | undefined
  /** RTTVAR. */
  variance: Milliseconds = 0
  /** The least sample of the last minutes. */
  least: Milliseconds = Number.POSITIVE_INFINITY
  #leastAt: Milliseconds = 0
  #timeout: Milliseconds = initialTimeout
  #backoff = 1

  /** RTO, backed off. */
  get timeout(): Milliseconds {
    return Math.min(mostTimeout, this.#timeout * this.#backoff)
  }

  /** A segment that was sent only once has taken `sample` to be acknowledged (Karn's rule, RFC 6298 3). */
  sample(sample: Milliseconds, now: Milliseconds): void {
    if (sample <= this.least || now - this.#leastAt > leastRoundTripLife) {
      this.least = sample
      this.#leastAt = now
    }
    if (this.smoothed === undefined) {
      this.smoothed = sample
      this.variance = sample / 2
    } else {
      this.variance += (Math.abs(this.smoothed - sample) - this.variance) / 4
      this.smoothed += (sample - this.smoothed) / 8
    }
    this.#timeout = Math.max(leastTimeout, this.smoothed + Math.max(leastMargin, 4 * this.variance))
  }

  /** The timer has expired (RFC 6298 5.5). */
  backOff(): void {
    if (this.timeout < mostTimeout) this.#backoff *= 2
  }

  /** New data was acknowledged: the path lives. */
  restore(): void {
    this.#backoff = 1
  }

  /** The handshake is done and our SYN was sent more than once: without a sample, start carefully (RFC 6298 5.7). */
  synWasLost(): void {
    if (this.smoothed === undefined) this.#timeout = timeoutAfterLostSyn
  }
}
