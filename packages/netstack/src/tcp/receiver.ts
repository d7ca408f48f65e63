import type { Milliseconds } from '@tunnel/flow'
import type { SackBlock } from '../wire/tcp-options.ts'
import { AckSchedule } from './ack-schedule.ts'
import type { BlockPool } from './buffer/block-pool.ts'
import { ReceiveBuffer, type Deliver } from './buffer/receive-buffer.ts'
import { ReceiveWindow, type ReceiveWindowOptions } from './receive-window.ts'
import { seqAdd, seqDiff, seqLess, seqLessOrEqual, seqMax, type Seq } from './seq.ts'

/** The receiving half: what has come, what the peer is told of it, and what the application has not read (RFC 9293 3.8). */
export class Receiver {
  readonly window: ReceiveWindow
  readonly acks = new AckSchedule()
  readonly #pool: BlockPool
  /** Data of the peer's full segments. */
  #mss: number
  #buffer: ReceiveBuffer
  /** Number of the peer's FIN, once it has come, also ahead of data. */
  #finAt: Seq | undefined
  #finTaken = false
  /** What came twice since the last ACK, to be reported (RFC 2883). */
  #duplicate: SackBlock | undefined

  /** `mss`: what we have told the peer to send at most. */
  constructor(pool: BlockPool, window: ReceiveWindowOptions, mss: number) {
    this.#pool = pool
    this.#mss = mss
    this.window = new ReceiveWindow(window)
    this.#buffer = new ReceiveBuffer(pool, 0 as Seq)
  }

  /** RCV.NXT */
  get next(): Seq {
    return this.#finTaken ? seqAdd(this.#buffer.next, 1) : this.#buffer.next
  }

  /** Number of the next byte that the application reads. */
  get unreadFrom(): Seq {
    return seqAdd(this.#buffer.next, -this.#buffer.readable)
  }

  get readable(): number {
    return this.#buffer.readable
  }

  /** The peer's FIN has come, and everything before it. */
  get finished(): boolean {
    return this.#finTaken
  }

  /** The peer has sent its SYN. `mss`: data of a full segment, beside its options. */
  start(initial: Seq, mss: number): void {
    this.#mss = mss
    this.#buffer = new ReceiveBuffer(this.#pool, seqAdd(initial, 1))
    this.window.start(seqAdd(initial, 1))
  }

  /**
   * RFC 9293 3.10.7.4, first check: whether any of a segment lies in the window. `length` is that of its text. Without text it may also
   * stand at the right edge, where a peer that has filled the window sends its ACKs, and its FIN, from (Linux takes them as well).
   */
  accepts(seq: Seq, length: number): boolean {
    const size = this.window.size(this.next)
    const offset = seqDiff(seq, this.next)
    if (length === 0) return offset >= 0 && offset <= size
    return offset < size && offset + length > 0
  }

  /** Text and FIN of an acceptable segment (RFC 9293 3.10.7.4, seventh and eighth check). */
  receive(seq: Seq, payload: Uint8Array, fin: boolean, now: Milliseconds): void {
    const { next } = this
    const end = seqAdd(seq, payload.length)
    if (fin && this.#finAt === undefined && seqLessOrEqual(end, this.window.edge)) this.#finAt = end
    if (payload.length > 0) this.#receiveText(seq, payload, next, now)
    if (this.#finAt === this.#buffer.next && !this.#finTaken) {
      this.#finTaken = true
      this.#buffer.truncate()
      this.acks.now()
    } else if (fin) this.acks.now()
  }

  /** A segment that brings nothing new is answered at once, and told of (RFC 2883 4). */
  repeated(seq: Seq, length: number): void {
    if (length > 0) this.#duplicate = { start: seq, end: seqAdd(seq, length) }
    this.acks.now()
  }

  /** The blocks of the next ACK, at most `count` (RFC 2018 4, RFC 2883 4). */
  takeSackBlocks(count: number): SackBlock[] {
    const duplicate = this.#duplicate
    this.#duplicate = undefined
    if (!duplicate) return this.#buffer.hasGaps ? this.#buffer.sackBlocks(count) : []
    const around = this.#buffer.rangeAround(duplicate.start)
    const others = this.#buffer.sackBlocks(count - 1)
    // The second block is the one that the first lies in, if any.
    if (!around) return [duplicate, ...others]
    return [duplicate, around, ...others.filter(({ start }) => start !== around.start)].slice(0, count)
  }

  /** The next ACK has more to say than a data segment has room for. */
  get hasSackBlocks(): boolean {
    return this.#duplicate !== undefined || this.#buffer.hasGaps
  }

  /** The field of the next segment. */
  advertise(syn: boolean): number {
    return this.window.advertise(this.next, this.#buffer.readable, this.acks.segmentBytes, syn)
  }

  read(deliver: Deliver, roundTrip: Milliseconds, now: Milliseconds): void {
    const before = this.#buffer.readable
    if (before === 0) return
    this.#buffer.read(deliver)
    this.window.read(before - this.#buffer.readable, roundTrip, now)
    if (!this.#finTaken && this.window.updateDue(this.next, this.#buffer.readable, this.acks.segmentBytes)) this.acks.now()
  }

  clear(): void {
    this.#buffer.clear()
  }

  #receiveText(seq: Seq, payload: Uint8Array, next: Seq, now: Milliseconds): void {
    // What is old, what lies beyond the window and what lies behind a FIN is cut off.
    const edge = this.#finAt !== undefined && seqLess(this.#finAt, this.window.edge) ? this.#finAt : this.window.edge
    const start = seqMax(seq, next)
    const whole = seqAdd(seq, payload.length)
    const end = seqLess(edge, whole) ? edge : whole
    if (!seqLess(start, end)) {
      if (seqLessOrEqual(whole, next)) this.repeated(seq, payload.length)
      else this.acks.now()
      return
    }
    const fresh = start === seq && end === whole ? payload : payload.subarray(seqDiff(start, seq), seqDiff(end, seq))
    const hadGaps = this.#buffer.hasGaps
    const insertion = this.#buffer.insert(start, fresh)
    if (insertion === 'duplicate') this.repeated(start, fresh.length)
    // RFC 5681 4.2: a gap, and its filling, are told at once.
    else if (insertion !== 'in-order' || hadGaps) this.acks.now()
    else this.acks.received(fresh.length, this.#mss, this.window.size(this.#buffer.next), now)
  }
}
