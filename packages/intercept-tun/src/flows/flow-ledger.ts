import type { Clock, Milliseconds } from '@tunnel/flow'
import type { Ends } from '../wanted/claim-finder.ts'

/** So long the kernel of the client may say its last words, which the stack answers. */
const tail: Milliseconds = 200

/** What is under way: asked for, or open. Its packets must go on to come to us, whatever is wanted meanwhile. */
export class FlowLedger {
  readonly #open = new Set<Ends>()
  readonly #clock: Clock
  readonly #onEnded: () => void

  constructor(clock: Clock, onEnded: () => void) {
    this.#clock = clock
    this.#onEnded = onEnded
  }

  get size(): number {
    return this.#open.size
  }

  [Symbol.iterator](): Iterator<Ends> {
    return this.#open.values()
  }

  /** To be called at the end, once or more. */
  begin(ends: Ends): () => void {
    // An object of its own: two may have the same ends, one after the other.
    const entry = { protocol: ends.protocol, from: ends.from, to: ends.to }
    this.#open.add(entry)
    let ended = false
    return () => {
      if (ended) return
      ended = true
      this.#clock.after(tail, () => {
        this.#open.delete(entry)
        this.#onEnded()
      })
    }
  }
}
