import type { SackBlock } from '../../wire/tcp-options.ts'
import { seqLess, seqLessOrEqual, seqMax, type Seq } from '../seq.ts'

interface Range {
  start: Seq
  end: Seq
}

/** How many recently touched ranges are remembered: no more fit into the options of a segment. */
const recentLimit = 4

/**
 * Which bytes beyond RCV.NXT have arrived: disjoint ranges in order, never touching, at most `limit` of them. It also
 * remembers which were touched last, because those are reported first (RFC 2018 4).
 */
export class ByteRanges {
  readonly #limit: number
  readonly #ranges: Range[] = []
  readonly #recent: Range[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get count(): number {
    return this.#ranges.length
  }

  /** After the last byte of all; undefined when there is none. */
  get end(): Seq | undefined {
    return this.#ranges.at(-1)?.end
  }

  covers(start: Seq, end: Seq): boolean {
    const range = this.#ranges[this.#find(start)]
    return range !== undefined && seqLessOrEqual(range.start, start) && seqLessOrEqual(end, range.end)
  }

  /** False when it would be one range too many: then nothing has changed. */
  add(start: Seq, end: Seq): boolean {
    const index = this.#find(start)
    const range = this.#ranges[index]
    if (!range || seqLess(end, range.start)) {
      if (this.#ranges.length >= this.#limit) return false
      const fresh = { start, end }
      this.#ranges.splice(index, 0, fresh)
      this.#touch(fresh)
      return true
    }
    if (seqLess(start, range.start)) range.start = start
    range.end = seqMax(range.end, end)
    this.#join(index, range)
    this.#touch(range)
    return true
  }

  /** Takes the first range away if it begins at `next` or before; returns where the bytes in order then end. */
  absorb(next: Seq): Seq {
    let end = next
    for (let first = this.#ranges[0]; first && seqLessOrEqual(first.start, end); first = this.#ranges[0]) {
      end = seqMax(end, first.end)
      this.#ranges.shift()
      this.#forget(first)
    }
    return end
  }

  /** The range that holds `seq`. */
  around(seq: Seq): SackBlock | undefined {
    const range = this.#ranges[this.#find(seq)]
    return range && seqLessOrEqual(range.start, seq) ? { start: range.start, end: range.end } : undefined
  }

  /** At most `count` ranges, the one that was touched last first. */
  latest(count: number): SackBlock[] {
    const blocks = this.#recent.slice(0, count).map(({ start, end }) => ({ start, end }))
    // What was touched earlier fills up: the peer may have missed it.
    for (let index = 0; blocks.length < count && index < this.#ranges.length; index += 1) {
      const range = this.#ranges[index]
      if (range && !this.#recent.includes(range)) blocks.push({ start: range.start, end: range.end })
    }
    return blocks
  }

  clear(): void {
    this.#ranges.length = 0
    this.#recent.length = 0
  }

  /** `range` has grown: what it reaches now becomes part of it. */
  #join(index: number, range: Range): void {
    let next = this.#ranges[index + 1]
    while (next && seqLessOrEqual(next.start, range.end)) {
      range.end = seqMax(range.end, next.end)
      this.#ranges.splice(index + 1, 1)
      this.#forget(next)
      next = this.#ranges[index + 1]
    }
  }

  #touch(range: Range): void {
    if (this.#recent[0] === range) return
    this.#forget(range)
    this.#recent.unshift(range)
    if (this.#recent.length > recentLimit) this.#recent.pop()
  }

  #forget(range: Range): void {
    const index = this.#recent.indexOf(range)
    if (index >= 0) this.#recent.splice(index, 1)
  }

  /** Index of the first range that ends at `seq` or later. */
  #find(seq: Seq): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      const range = this.#ranges[middle]
      if (range && seqLess(range.end, seq)) low = middle + 1
      else high = middle
    }
    return low
  }
}
