/**
 * Proportional Rate Reduction (RFC 9937): within a recovery, so much is sent per ACK that what is in flight comes down to the
 * threshold evenly over the round trip, instead of a silence and then a burst.
 */
export class ProportionalRate {
  /** What may be in flight now: recomputed with each ACK. */
  windowBytes = 0
  readonly #thresholdBytes: number
  /** RecoverFS */
  readonly #flightBytes: number
  #delivered = 0
  #out = 0

  /** `flightBytes`: sent and not acknowledged when the recovery begins. */
  constructor(flightBytes: number, thresholdBytes: number) {
    this.#flightBytes = Math.max(1, flightBytes)
    this.#thresholdBytes = thresholdBytes
  }

  /** `pipeBytes`: in flight by the scoreboard. `safe`: the ACK moved SND.UNA and told of no further loss. */
  acked(deliveredBytes: number, pipeBytes: number, mssBytes: number, safe: boolean): void {
    if (this.#thresholdBytes === Number.POSITIVE_INFINITY) {
      this.windowBytes = Number.POSITIVE_INFINITY
      return
    }
    this.#delivered += deliveredBytes
    let allowed: number
    if (pipeBytes > this.#thresholdBytes) {
      allowed = Math.ceil((this.#delivered * this.#thresholdBytes) / this.#flightBytes) - this.#out
    } else {
      const conserved = Math.max(this.#delivered - this.#out, deliveredBytes)
      allowed = Math.min(this.#thresholdBytes - pipeBytes, safe ? conserved + mssBytes : conserved)
    }
    // The first retransmission goes out at once.
    if (this.#out === 0) allowed = Math.max(allowed, mssBytes)
    this.windowBytes = pipeBytes + Math.max(0, allowed)
  }

  sent(bytes: number): void {
    this.#out += bytes
  }
}
