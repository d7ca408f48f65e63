export interface Drainable {
  drained(): void
}

export interface DrainQueueOptions {
  /** Bytes that may be added before the channel is full again. */
  readonly room: () => number
  readonly schedule: (call: () => void) => void
}

/** What one waiter is expected to send once it is let go. */
const shareBytes = 64 * 1024

/**
 * Those who wait for room on a channel, let go in the order in which they came, and only as many at a time as there is
 * room for: else a thousand waiters would wake at once and each add its chunk.
 */
export class DrainQueue {
  readonly #options: DrainQueueOptions
  readonly #waiting = new Set<Drainable>()
  #scheduled = false

  constructor(options: DrainQueueOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size
  }

  add(waiter: Drainable): void {
    this.#waiting.add(waiter)
    this.progress()
  }

  remove(waiter: Drainable): void {
    this.#waiting.delete(waiter)
  }

  /** Call when there may be more room. Nobody is let go inside the call. */
  progress(): void {
    if (this.#scheduled || this.#waiting.size === 0 || this.#options.room() <= 0) return
    this.#scheduled = true
    this.#options.schedule(() => this.#letGo())
  }

  #letGo(): void {
    this.#scheduled = false
    let shares = Math.ceil(this.#options.room() / shareBytes)
    for (const waiter of [...this.#waiting]) {
      if (shares <= 0) break
      shares -= 1
      // It may have closed meanwhile, by what another one did.
      if (this.#waiting.delete(waiter)) waiter.drained()
    }
    this.progress()
  }
}
