import type { Milliseconds } from '@tunnel/flow'

interface Event<T> {
  readonly at: Milliseconds
  readonly order: number
  readonly value: T
}

/** What happens when, in virtual time: a binary heap, first in first out among those of the same instant. */
export class EventQueue<T> {
  readonly #heap: Event<T>[] = []
  #order = 0

  get nextAt(): Milliseconds {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  push(at: Milliseconds, value: T): void {
    this.#heap.push({ at, order: (this.#order += 1), value })
    for (let child = this.#heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1
      if (!this.#swapIfEarlier(child, parent)) return
      child = parent
    }
  }

  /** The first one that is due at `now`. */
  pop(now: Milliseconds): T | undefined {
    const [first] = this.#heap
    if (!first || first.at > now) return undefined
    const last = this.#heap.pop()
    if (last && this.#heap.length > 0) {
      this.#heap[0] = last
      this.#sink()
    }
    return first.value
  }

  #sink(): void {
    for (let parent = 0; ; ) {
      const child = 2 * parent + 1
      if (child >= this.#heap.length) return
      const left = this.#heap[child]
      const right = this.#heap[child + 1]
      const first = left && right && isEarlier(right, left) ? child + 1 : child
      if (!this.#swapIfEarlier(first, parent)) return
      parent = first
    }
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const low = this.#heap[child]
    const high = this.#heap[parent]
    if (!low || !high || !isEarlier(low, high)) return false
    this.#heap[child] = high
    this.#heap[parent] = low
    return true
  }
}

function isEarlier<T>(left: Event<T>, right: Event<T>): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order)
}
