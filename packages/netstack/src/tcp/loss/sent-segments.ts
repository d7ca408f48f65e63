import type { Milliseconds } from '@tunnel/flow'
import type { SackBlock } from '../../wire/tcp-options.ts'
import { seqDiff, seqLess, seqLessOrEqual, type Seq } from '../seq.ts'

/** One transmission that waits for its acknowledgement. SYN and FIN count as a byte each. */
export class SentSegment {
  seq: Seq
  end: Seq
  readonly syn: boolean
  fin: boolean
  sentAt: Milliseconds
  /** Its place among all transmissions: within one millisecond time does not tell. */
  turn = 0
  retransmitted = false
  sacked = false
  /** Held for lost, and not yet sent again. */
  lost = false
  /** Neighbours in the order of sending, among those that are neither sacked nor lost. */
  older: SentSegment | undefined = undefined
  newer: SentSegment | undefined = undefined

  constructor(seq: Seq, end: Seq, syn: boolean, fin: boolean, sentAt: Milliseconds) {
    this.seq = seq
    this.end = end
    this.syn = syn
    this.fin = fin
    this.sentAt = sentAt
  }

  get length(): number {
    return seqDiff(this.end, this.seq)
  }
}

/** Who is told of each segment that has arrived, before it is forgotten or marked. */
export interface DeliveryObserver {
  delivered(segment: SentSegment): void
}

/**
 * All that is sent and not acknowledged, in order of sequence numbers, and the scoreboard of RFC 6675 3 on it: which
 * parts have arrived (SACK), which are lost. A second order, that of sending, is what RACK walks (RFC 8985 5.2).
 */
export class SentSegments {
  readonly #segments: SentSegment[] = []
  #first = 0
  /** No segment before this index is lost. */
  #lostFrom = 0
  #oldest: SentSegment | undefined
  #newest: SentSegment | undefined
  /** What the last SACK told, not to be walked again. */
  #known: readonly SackBlock[] = []
  #turn = 0
  sackedBytes = 0
  lostBytes = 0

  get count(): number {
    return this.#segments.length - this.#first
  }

  /** The one at SND.UNA. */
  get first(): SentSegment | undefined {
    return this.#segments[this.#first]
  }

  /** The one before SND.NXT. */
  get last(): SentSegment | undefined {
    return this.count > 0 ? this.#segments.at(-1) : undefined
  }

  /** The least recently sent of those that are neither sacked nor lost. */
  get oldest(): SentSegment | undefined {
    return this.#oldest
  }

  /** The lost one with the lowest sequence number. */
  get nextLost(): SentSegment | undefined {
    if (this.lostBytes === 0) return undefined
    for (; this.#lostFrom < this.#segments.length; this.#lostFrom += 1) {
      const segment = this.#segments[this.#lostFrom]
      if (segment?.lost) return segment
    }
    return undefined
  }

  push(segment: SentSegment): void {
    segment.turn = this.#turn += 1
    this.#segments.push(segment)
    this.#link(segment)
  }

  /** Takes away what lies before `ack`; returns how many bytes are new to us. */
  acknowledge(ack: Seq, observer: DeliveryObserver): number {
    let fresh = 0
    for (let segment = this.first; segment && seqLess(segment.seq, ack); segment = this.first) {
      const whole = seqLessOrEqual(segment.end, ack)
      if (!whole) this.#splitAt(this.#first, ack)
      if (!segment.sacked) {
        fresh += segment.length
        observer.delivered(segment)
      }
      this.#forget(segment)
      this.#first += 1
      if (!whole) break
    }
    this.#compact()
    return fresh
  }

  /** Marks what `blocks` tell of; returns how many bytes are new to us. Impossible blocks are passed over. */
  sack(blocks: readonly SackBlock[], una: Seq, next: Seq, observer: DeliveryObserver): number {
    let fresh = 0
    const possible = blocks.filter(({ start, end }) => !seqLess(start, una) && seqLess(start, end) && !seqLess(next, end))
    // In order: otherwise the newest, which comes first, would make the others look as if they had been overtaken.
    possible.sort((left, right) => seqDiff(left.start, right.start))
    for (const { start, end } of possible) {
      const known = this.#known.find((block) => seqLessOrEqual(block.start, start) && seqLessOrEqual(start, block.end))
      const from = known && seqLess(start, known.end) ? known.end : start
      if (seqLess(from, end)) fresh += this.#sackRange(from, end, observer)
    }
    if (possible.length > 0) this.#known = possible
    return fresh
  }

  markLost(segment: SentSegment): void {
    if (segment.lost || segment.sacked) return
    segment.lost = true
    this.lostBytes += segment.length
    this.#unlink(segment)
    this.#lostFrom = Math.min(this.#lostFrom, this.#find(segment.seq))
  }

  /** It was not lost after all, as far as we know. */
  unmarkLost(): void {
    for (let segment = this.nextLost; segment; segment = this.nextLost) {
      segment.lost = false
      this.lostBytes -= segment.length
      this.#link(segment)
    }
  }

  /** The peer has thrown away what it had said to have (RFC 2018 8): believe nothing of it. */
  forgetSack(): void {
    this.#known = []
    for (let index = this.#first; index < this.#segments.length; index += 1) {
      const segment = this.#segments[index]
      if (!segment?.sacked) continue
      segment.sacked = false
      this.#link(segment)
    }
    this.sackedBytes = 0
  }

  /** `segment` goes out again now. */
  resent(segment: SentSegment, now: Milliseconds): void {
    if (segment.lost) {
      segment.lost = false
      this.lostBytes -= segment.length
    } else {
      this.#unlink(segment)
    }
    segment.retransmitted = true
    segment.sentAt = now
    segment.turn = this.#turn += 1
    this.#link(segment)
  }

  /** Cuts `segment` in two at `at`, which lies inside. */
  split(segment: SentSegment, at: Seq): void {
    this.#splitAt(this.#find(segment.seq), at)
  }

  clear(): void {
    this.#segments.length = 0
    this.#first = 0
    this.#lostFrom = 0
    this.#oldest = undefined
    this.#newest = undefined
    this.#known = []
    this.sackedBytes = 0
    this.lostBytes = 0
  }

  #sackRange(start: Seq, end: Seq, observer: DeliveryObserver): number {
    let fresh = 0
    for (let index = this.#find(start); index < this.#segments.length; index += 1) {
      const segment = this.#segments[index]
      if (!segment || !seqLess(segment.seq, end)) break
      if (segment.sacked) continue
      // Of large segments, which the device cuts, a part may have arrived.
      if (seqLess(segment.seq, start)) {
        this.#splitAt(index, start)
        continue
      }
      if (seqLess(end, segment.end)) this.#splitAt(index, end)
      fresh += segment.length
      observer.delivered(segment)
      this.#markSacked(segment)
    }
    return fresh
  }

  #markSacked(segment: SentSegment): void {
    if (segment.lost) this.lostBytes -= segment.length
    else this.#unlink(segment)
    segment.lost = false
    segment.sacked = true
    this.sackedBytes += segment.length
  }

  #forget(segment: SentSegment): void {
    if (segment.sacked) this.sackedBytes -= segment.length
    else if (segment.lost) this.lostBytes -= segment.length
    else this.#unlink(segment)
  }

  #splitAt(index: number, at: Seq): void {
    const left = this.#segments[index]
    if (!left) return
    const right = new SentSegment(at, left.end, false, left.fin, left.sentAt)
    right.turn = left.turn
    right.retransmitted = left.retransmitted
    right.sacked = left.sacked
    right.lost = left.lost
    left.end = at
    left.fin = false
    this.#segments.splice(index + 1, 0, right)
    if (!right.sacked && !right.lost) this.#linkAfter(right, left)
  }

  #link(segment: SentSegment): void {
    if (this.#newest) this.#linkAfter(segment, this.#newest)
    else this.#oldest = this.#newest = segment
  }

  #linkAfter(segment: SentSegment, older: SentSegment): void {
    segment.older = older
    segment.newer = older.newer
    if (older.newer) older.newer.older = segment
    else this.#newest = segment
    older.newer = segment
  }

  #unlink(segment: SentSegment): void {
    if (segment.older) segment.older.newer = segment.newer
    else this.#oldest = segment.newer
    if (segment.newer) segment.newer.older = segment.older
    else this.#newest = segment.older
    segment.older = undefined
    segment.newer = undefined
  }

  /** Index of the segment that holds `seq`, or of the next. */
  #find(seq: Seq): number {
    let low = this.#first
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >> 1
      const segment = this.#segments[middle]
      if (segment && seqLessOrEqual(segment.end, seq)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Drops the forgotten ones from the array, now and then. */
  #compact(): void {
    if (this.#first === this.#segments.length) {
      this.#segments.length = 0
      this.#lostFrom = 0
      this.#first = 0
      this.#known = []
    } else if (this.#first > 64 && this.#first * 2 > this.#segments.length) {
      this.#segments.splice(0, this.#first)
      this.#lostFrom = Math.max(0, this.#lostFrom - this.#first)
      this.#first = 0
    }
    this.#lostFrom = Math.max(this.#lostFrom, this.#first)
  }
}
