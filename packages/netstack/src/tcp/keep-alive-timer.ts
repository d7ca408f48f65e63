import type { Milliseconds } from '@tunnel/flow'
import type { KeepAlive } from './tcp-settings.ts'

/** RFC 9293 MUST-28: no less than two hours; the rest is what Linux has. */
const defaultKeepAlive: KeepAlive = { idle: 7_200_000, interval: 75_000, probes: 9 }

/** Asks a silent peer whether it is still there (RFC 9293 3.8.4). */
export class KeepAliveTimer {
  readonly #keepAlive: KeepAlive
  #heardAt: Milliseconds
  #probes = 0

  constructor(keepAlive: Partial<KeepAlive>, now: Milliseconds) {
    this.#keepAlive = { ...defaultKeepAlive, ...keepAlive }
    this.#heardAt = now
  }

  /** When the next probe is due, or the connection is dead. */
  get wakeAt(): Milliseconds {
    return this.#heardAt + this.#keepAlive.idle + this.#probes * this.#keepAlive.interval
  }

  /**
   * The peer lives. RFC 9293 3.8.4 speaks of data and acknowledgments that were received, and leaves open which ones; as with Linux
   * (`rcv_tstamp`, `lrcvtime`) only those count that were taken, or whoever guesses ports could keep up a connection whose peer is gone. A keep-alive of the
   * peer is none of them: its number was acknowledged before.
   */
  heard(now: Milliseconds): void {
    this.#heardAt = now
    this.#probes = 0
  }

  isDue(now: Milliseconds): boolean {
    return now >= this.wakeAt && this.#probes < this.#keepAlive.probes
  }

  /** The last probe has had its time. */
  isDead(now: Milliseconds): boolean {
    return now >= this.wakeAt && this.#probes >= this.#keepAlive.probes
  }

  /** A probe went out, if one was due. */
  probed(now: Milliseconds): void {
    if (this.isDue(now)) this.#probes += 1
  }
}
