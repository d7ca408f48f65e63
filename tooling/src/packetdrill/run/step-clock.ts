import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'

interface Waiting {
  readonly due: Milliseconds
  readonly call: () => void
}

/** A clock that goes from one call that is due to the next, so that what a call sets off can end before the next one. */
export class StepClock implements Clock {
  #now: Milliseconds = 0
  readonly #waiting = new Set<Waiting>()

  now(): Milliseconds {
    return this.#now
  }

  /** Infinity if nothing waits. */
  get nextDue(): Milliseconds {
    let due = Number.POSITIVE_INFINITY
    for (const waiting of this.#waiting) due = Math.min(due, waiting.due)
    return due
  }

  after(delay: Milliseconds, call: () => void): Cancel {
    const waiting = { due: this.#now + Math.max(0, delay), call }
    this.#waiting.add(waiting)
    return () => this.#waiting.delete(waiting)
  }

  /** Time goes on to `at`, and what is due then is called. */
  moveTo(at: Milliseconds): void {
    this.#now = Math.max(this.#now, at)
    for (const waiting of this.#waiting) {
      if (waiting.due > this.#now) continue
      this.#waiting.delete(waiting)
      waiting.call()
      return
    }
  }
}
