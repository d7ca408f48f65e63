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
      const right = child + 1 < this.#heap.length && this.#isEarlier(child + 1, child) ? child + 1 : child
      if (!this.#swapIfEarlier(right, parent)) return
      parent = right
    }
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    if (!this.#isEarlier(child, parent)) return false
    const event = this.#heap[child]!
    this.#heap[child] = this.#heap[parent]!
    this.#heap[parent] = event
    return true
  }

  #isEarlier(left: number, right: number): boolean {
    const first = this.#heap[left]!
    const second = this.#heap[right]!
    return first.at < second.at || (first.at === second.at && first.order < second.order)
  }
}
