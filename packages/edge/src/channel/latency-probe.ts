import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'

export interface LatencyProbeOptions {
  readonly clock: Clock
  /** Sends a Latency message; `answered` is called when its reply comes. */
  readonly send: (answered: () => void) => void
  /** When the last byte came. */
  readonly lastRead: () => Milliseconds
  /** Unsent data or paused reads: then silence proves nothing (protocol section 11.3). */
  readonly stalled: () => boolean
  /** Much was sent that is not known to be read: the router may have stopped behind it, or be gone. */
  readonly suspect: () => boolean
  readonly dead: () => void
}

const probeInterval: Milliseconds = 30_000
export const probeTimeout: Milliseconds = 10_000
/** So many in a row stay unanswered by a router that is gone, and not only stopped. */
const mostUnheard = 6
/** Weight of the newest value. */
const smoothing = 0.25

/** Asks the router for a sign of life every 30 s and keeps the mean of how long it took (protocol section 3.8). */
export class LatencyProbe {
  readonly #options: LatencyProbeOptions
  #mean: Milliseconds
  #silent = false
  /** Probes in a row after which nothing at all came. */
  #unheard = 0
  #cancel: Cancel | undefined

  constructor(options: LatencyProbeOptions, connectTime: Milliseconds) {
    this.#options = options
    this.#mean = connectTime
    this.#cancel = options.clock.after(probeInterval, () => this.#probe())
  }

  get mean(): Milliseconds {
    return this.#mean
  }

  /** The router did not answer the last probe. */
  get silent(): boolean {
    return this.#silent
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #probe(): void {
    const { clock, send, lastRead } = this.#options
    const sentAt = clock.now()
    let answered = false
    this.#cancel = clock.after(probeTimeout, () => {
      if (!answered && this.#isDead(lastRead() > sentAt)) return this.#options.dead()
      this.#cancel = clock.after(probeInterval - probeTimeout, () => this.#probe())
    })
    send(() => {
      if (clock.now() - sentAt > probeTimeout) return
      answered = true
      this.#silent = false
      this.#unheard = 0
      this.#add(clock.now() - sentAt)
    })
  }

  /** After a probe without an answer. */
  #isDead(heard: boolean): boolean {
    const { stalled, suspect } = this.#options
    this.#silent = true
    if (heard) {
      this.#unheard = 0
      this.#add(probeTimeout)
      return false
    }
    if (stalled()) return false
    this.#unheard += 1
    return !suspect() || this.#unheard >= mostUnheard
  }

  #add(latency: Milliseconds): void {
    this.#mean += smoothing * (latency - this.#mean)
  }
}
