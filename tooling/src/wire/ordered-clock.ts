import { systemClock, type Cancel, type Clock, type Milliseconds } from '@tunnel/flow'

interface Call {
  readonly due: Milliseconds
  readonly number: number
  run: (() => void) | undefined
}

/**
 * A clock whose calls run in the order of their times and, at the same time, of their making: timers of the platform have whole milliseconds and change
 * places within one. That many calls as `limit` wait; further ones are given up at once, as packets are where a queue is full.
 */
export class OrderedClock implements Clock {
  readonly #base: Clock
  readonly #limit: number
  /** A binary heap. */
  readonly #calls: Call[] = []
  #number = 0
  #cancelTimer: Cancel | undefined
  #timerDue: Milliseconds = Number.POSITIVE_INFINITY
  dropped = 0

  constructor(limit: number, base: Clock = systemClock) {
    this.#limit = limit
    this.#base = base
  }

  get pending(): number {
    return this.#calls.length
  }

  now(): Milliseconds {
    return this.#base.now()
  }

  after(delay: Milliseconds, run: () => void): Cancel {
    if (this.#calls.length >= this.#limit) {
      this.dropped += 1
      return () => {}
    }
    const call: Call = { due: this.now() + delay, number: this.#number++, run }
    this.#push(call)
    this.#arm()
    return () => (call.run = undefined)
  }

  #arm(): void {
    const due = this.#calls[0]?.due
    if (due === undefined || due >= this.#timerDue) return
    this.#cancelTimer?.()
    this.#timerDue = due
    this.#cancelTimer = this.#base.after(Math.max(0, due - this.now()), () => this.#rang())
  }

  #rang(): void {
    this.#timerDue = Number.POSITIVE_INFINITY
    const now = this.now()
    for (let first = this.#calls[0]; first && first.due <= now; first = this.#calls[0]) {
      this.#pop()
      first.run?.()
    }
    this.#arm()
  }

  #push(call: Call): void {
    const calls = this.#calls
    let at = calls.length
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(call, calls[parent]); parent = (at - 1) >> 1) {
      calls[at] = calls[parent] as Call
      at = parent
    }
    calls[at] = call
  }

  #pop(): void {
    const calls = this.#calls
    const last = calls.pop()
    if (!last || calls.length === 0) return
    let at = 0
    for (let child = 1; child < calls.length; child = at * 2 + 1) {
      if (isBefore(calls[child + 1], calls[child])) child += 1
      if (!isBefore(calls[child], last)) break
      calls[at] = calls[child] as Call
      at = child
    }
    calls[at] = last
  }
}

function isBefore(one: Call | undefined, other: Call | undefined): boolean {
  if (!one || !other) return one !== undefined
  return one.due === other.due ? one.number < other.number : one.due < other.due
}
