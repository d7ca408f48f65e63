import type { Milliseconds } from '@tunnel/flow'

const windowSpan = 5_000
const windowLimit = 10

/** Ten answers to suspicious segments in five seconds, so that two ends that disagree do not argue for ever (RFC 5961 7). */
export class ChallengeLimit {
  #since: Milliseconds = Number.NEGATIVE_INFINITY
  #count = 0

  /** Counts one if it may go. */
  take(now: Milliseconds): boolean {
    if (now - this.#since >= windowSpan) {
      this.#since = now
      this.#count = 0
    }
    if (this.#count >= windowLimit) return false
    this.#count += 1
    return true
  }
}
