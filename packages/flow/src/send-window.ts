/**
 * The sender's side of back-pressure, for whoever implements `Flow`: full at the limit, one chunk more is accepted, the
 * next is an overrun. Opens again at half the limit, so that a fast sender does not stop and go with each chunk.
 */
export class SendWindow {
  readonly limitBytes: number
  #full = false
  #overdrawn = false

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  /** The sender has been told to wait. */
  get full(): boolean {
    return this.#full
  }

  /** Asks for one more chunk. False: overrun, reset the flow. */
  admit(): boolean {
    if (!this.#full) return true
    if (this.#overdrawn) return false
    this.#overdrawn = true
    return true
  }

  /** After a chunk was queued: what `send` returns. */
  filled(queuedBytes: number): boolean {
    if (queuedBytes >= this.limitBytes) this.#full = true
    return !this.#full
  }

  /** After bytes left the queue: true once, when `drain` is due. */
  emptied(queuedBytes: number): boolean {
    if (!this.#full || queuedBytes > this.limitBytes / 2) return false
    this.#full = false
    this.#overdrawn = false
    return true
  }
}
