import type { Cancel, Clock, Endpoint, Milliseconds } from '@tunnel/flow'

/** A SYN that has no answer yet. */
export interface Waiting {
  readonly from: Endpoint
  readonly to: Endpoint
  abandon(): void
}

export interface AbandonWatchOptions {
  readonly clock: Clock
  /** Whether somebody of this host still waits; undefined for those of others. */
  readonly isWaiting: (from: Endpoint, to: Endpoint) => boolean | undefined
}

const interval: Milliseconds = 250
/** So many are looked at in a turn, some 10 µs each. */
const perTurn = 200

/**
 * Notices programs of this host that give up before their SYN is answered: their kernel says nothing of it on the wire (RFC 9293 3.10.4), but can be asked.
 */
export class AbandonWatch {
  readonly #options: AbandonWatchOptions
  /** In the order in which they are looked at. */
  readonly #waiting = new Set<Waiting>()
  #cancel: Cancel | undefined

  constructor(options: AbandonWatchOptions) {
    this.#options = options
  }

  add(waiting: Waiting): void {
    this.#waiting.add(waiting)
    this.#cancel ??= this.#options.clock.after(interval, this.#look)
  }

  remove(waiting: Waiting): void {
    this.#waiting.delete(waiting)
  }

  close(): void {
    this.#cancel?.()
    this.#waiting.clear()
  }

  readonly #look = (): void => {
    this.#cancel = undefined
    for (const waiting of [...this.#waiting].slice(0, perTurn)) {
      this.#waiting.delete(waiting)
      if (this.#options.isWaiting(waiting.from, waiting.to) === false) waiting.abandon()
      else this.#waiting.add(waiting)
    }
    if (this.#waiting.size > 0) this.#cancel = this.#options.clock.after(interval, this.#look)
  }
}
