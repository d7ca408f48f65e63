import { createOverrunError } from './flow-error.ts'
import type { Flow, Release } from './flow.ts'

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

/**
 * What every `send` looks at before it takes a chunk, by the rules of `Flow`: a late one is counted, an empty one sends
 * nothing, an overrun resets. `undefined`: take the chunk. Else it is given back, and this is what `send` returns.
 */
export function answerUntaken(
  flow: Pick<Flow, 'queuedBytes' | 'reset'> & { lateSends: number },
  window: SendWindow,
  chunk: Uint8Array,
  release: Release | undefined,
  late: boolean,
): boolean | undefined {
  if (late) {
    flow.lateSends += 1
    release?.()
    return true
  }
  if (chunk.length === 0) {
    release?.()
    return !window.full
  }
  if (window.admit()) return undefined
  release?.()
  flow.reset(createOverrunError(flow.queuedBytes, window.limitBytes))
  return false
}
