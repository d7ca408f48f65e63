import type { Milliseconds } from '@tunnel/flow'

/** What waits in a `WakeQueue`. */
export interface Sleeper {
  /** Its place in the queue; -1 outside. The queue's own. */
  wakeIndex: number
  wakeAt: Milliseconds
}

/**
 * Who has to wake up next, of thousands: a binary heap. A time that moves back, as timers do with each ACK, is left where it is; the
 * sleeper wakes once in vain and says the later time then. So bulk traffic costs the queue nothing.
 */
export class WakeQueue<T extends Sleeper> {
  readonly #heap: T[] = []

  get nextAt(): Milliseconds {
    return this.#heap[0]?.wakeAt ?? Number.POSITIVE_INFINITY
  }

  /** Wakes `sleeper` at `at` or earlier. */
  schedule(sleeper: T, at: Milliseconds): void {
    if (at === Number.POSITIVE_INFINITY) return
    if (sleeper.wakeIndex >= 0 && sleeper.wakeAt <= at) return
    if (sleeper.wakeIndex < 0) {
      sleeper.wakeIndex = this.#heap.length
      this.#heap.push(sleeper)
    }
    sleeper.wakeAt = at
    this.#rise(sleeper)
  }

  /** The first one that is due. */
  pop(now: Milliseconds): T | undefined {
    const [first] = this.#heap
    if (!first || first.wakeAt > now) return undefined
    this.remove(first)
    return first
  }

  remove(sleeper: T): void {
    const index = sleeper.wakeIndex
    if (index < 0) return
    sleeper.wakeIndex = -1
    const last = this.#heap.pop()
    if (!last || last === sleeper) return
    this.#place(last, index)
    this.#rise(last)
    this.#sink(last)
  }

  #rise(sleeper: T): void {
    for (let parent = this.#heap[(sleeper.wakeIndex - 1) >> 1]; parent && sleeper.wakeAt < parent.wakeAt; parent = this.#heap[(sleeper.wakeIndex - 1) >> 1]) {
      this.#swap(sleeper, parent)
    }
  }

  #sink(sleeper: T): void {
    for (;;) {
      const left = this.#heap[2 * sleeper.wakeIndex + 1]
      const right = this.#heap[2 * sleeper.wakeIndex + 2]
      const child = left && right && right.wakeAt < left.wakeAt ? right : left
      if (!child || sleeper.wakeAt <= child.wakeAt) return
      this.#swap(child, sleeper)
    }
  }

  #swap(lower: T, upper: T): void {
    const index = upper.wakeIndex
    this.#place(upper, lower.wakeIndex)
    this.#place(lower, index)
  }

  #place(sleeper: T, index: number): void {
    this.#heap[index] = sleeper
    sleeper.wakeIndex = index
  }
}
