import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'

export interface LatencyProbeOptions {
  readonly clock: Clock
  /** Sends a Latency message; `answered` is called when its reply comes. */
  readonly send: (answered: () => void) => void
  /** When the last byte came. */
  readonly lastRead: () => Milliseconds
  /** Data that is unsent, or not known to be read; paused reads: then silence proves nothing (protocol section 11.3). */
  readonly stalled: () => boolean
  readonly dead: () => void
}

const probeInterval: Milliseconds = 30_000
export const probeTimeout: Milliseconds = 10_000
/** Weight of the newest value. */
const smoothing = 0.25

/** Asks the router for a sign of life every 30 s and keeps the mean of how long it took (protocol section 3.8). */
export class LatencyProbe {
  readonly #options: LatencyProbeOptions
  #mean: Milliseconds
  #cancel: Cancel | undefined

  constructor(options: LatencyProbeOptions, connectTime: Milliseconds) {
    this.#options = options
    this.#mean = connectTime
    this.#cancel = options.clock.after(probeInterval, () => this.#probe())
  }

  get mean(): Milliseconds {
    return this.#mean
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #probe(): void {
    const { clock, send, lastRead, stalled, dead } = this.#options
    const sentAt = clock.now()
    let answered = false
    this.#cancel = clock.after(probeTimeout, () => {
      if (!answered && lastRead() <= sentAt && !stalled()) return dead()
      if (!answered && lastRead() > sentAt) this.#add(probeTimeout)
      this.#cancel = clock.after(probeInterval - probeTimeout, () => this.#probe())
    })
    send(() => {
      if (clock.now() - sentAt > probeTimeout) return
      answered = true
      this.#add(clock.now() - sentAt)
    })
  }

  #add(latency: Milliseconds): void {
    this.#mean += smoothing * (latency - this.#mean)
  }
}
