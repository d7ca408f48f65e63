import type { Milliseconds } from '@tunnel/flow'

/** Zero-window probes come at least so often (RFC 9293 3.8.6.1 leaves it open; Linux takes two minutes). */
const longestPersist = 60_000

/** RFC 9293 3.8.6.1: nothing is in flight, so only we can find out that the window has opened. Asks ever more seldom. */
export class PersistTimer {
  /** It has run out: something is to go, be it empty. */
  due = false
  /** Since when there is something to send, nothing in flight, and no window for it; or since the last probe. */
  #base: Milliseconds | undefined
  #factor = 1

  /** When it runs out, `timeout` being that of retransmissions; infinity if it does not run. */
  wakeAt(timeout: Milliseconds): Milliseconds {
    return this.#base === undefined ? Number.POSITIVE_INFINITY : this.#base + Math.min(longestPersist, timeout * this.#factor)
  }

  /** Runs on, or from now, as long as something waits for a window. */
  arm(waiting: boolean, now: Milliseconds): void {
    if (!waiting) this.#base = undefined
    else this.#base ??= now
  }

  probed(now: Milliseconds): void {
    this.#base = now
    this.#factor *= 2
    this.due = false
  }

  /** Something new has gone out. */
  reset(): void {
    this.#base = undefined
    this.#factor = 1
    this.due = false
  }

  stop(): void {
    this.#base = undefined
  }
}
