import type { Clock, Milliseconds } from '@tunnel/flow'

/** At most `most` times in any `span`: two programs that both insist must not write a file for ever. */
export class RateBudget {
  readonly #clock: Clock
  readonly #most: number
  readonly #span: Milliseconds
  #taken: Milliseconds[] = []

  constructor(clock: Clock, most: number, span: Milliseconds) {
    this.#clock = clock
    this.#most = most
    this.#span = span
  }

  /** True when it may be done now; it then counts. */
  take(): boolean {
    const now = this.#clock.now()
    this.#taken = this.#taken.filter((time) => now - time < this.#span)
    if (this.#taken.length >= this.#most) return false
    this.#taken.push(now)
    return true
  }
}
