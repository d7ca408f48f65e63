import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'
import { replyFor, type Frame } from '../wire.ts'

/** The reply, borrowed as frames are; or why there is none. */
export type Reply = (reply: Frame | 'timeout' | 'closed') => void

/** Requests that wait for their reply, which is found by `ReplyFor` and nothing else (protocol section 3.2). */
export class PendingReplies {
  readonly #clock: Clock
  readonly #waiting = new Map<number, { readonly reply: Reply; readonly cancel: Cancel }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#waiting.size
  }

  add(sequence: number, timeout: Milliseconds, reply: Reply): void {
    const cancel = this.#clock.after(timeout, () => {
      this.#waiting.delete(sequence)
      reply('timeout')
    })
    this.#waiting.set(sequence, { reply, cancel })
  }

  /** True when the frame was the reply to one of ours. */
  settle(frame: Frame): boolean {
    const sequence = replyFor(frame.headers)
    if (sequence === undefined) return false
    const waiting = this.#waiting.get(sequence)
    if (waiting === undefined) return false
    this.#waiting.delete(sequence)
    waiting.cancel()
    waiting.reply(frame)
    return true
  }

  close(): void {
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reply, cancel } of all) {
      cancel()
      reply('closed')
    }
  }
}
