import type { Milliseconds } from '@tunnel/flow'

/** A rate with a burst (RFC 4443 2.4 (f) asks for this form). No timer: it is filled when it is asked. */
export class TokenBucket {
  readonly #perMillisecond: number
  readonly #burst: number
  #tokens: number
  #filledAt: Milliseconds | undefined

  constructor(perSecond: number, burst: number) {
    this.#perMillisecond = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  take(now: Milliseconds): boolean {
    const passed = Math.max(0, now - (this.#filledAt ?? now))
    this.#filledAt = now
    this.#tokens = Math.min(this.#burst, this.#tokens + passed * this.#perMillisecond)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
