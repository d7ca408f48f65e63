import type { Milliseconds } from '@tunnel/flow'
import { seqAdd, seqDiff, seqLess, type Seq } from './seq.ts'

export interface ReceiveWindowOptions {
  /** Of the buffer at first, and at most. */
  readonly initialBytes: number
  readonly mostBytes: number
}

/** RFC 7323 2.2: the field has 16 bits, and a shift of at most 14. */
const largestField = 0xffff
const largestShift = 14

/**
 * How much the peer may send: the free part of a buffer that grows with what the application reads per round trip. The right edge never moves
 * back (RFC 9293 3.8.6), and forward only in steps that are worth a segment (3.8.6.2.2).
 */
export class ReceiveWindow {
  /** Shift of the window field, 0 until both have agreed (RFC 7323 2.2). */
  shift = 0
  limitBytes: number
  readonly #mostBytes: number
  /** RCV.NXT + RCV.WND as the peer knows it. */
  #edge: Seq
  /** By a SYN that was sent before the peer's came. */
  #offeredBytes = 0
  #readBytes = 0
  #readSince: Milliseconds = 0

  constructor(options: ReceiveWindowOptions) {
    this.limitBytes = options.initialBytes
    this.#mostBytes = Math.max(options.initialBytes, options.mostBytes)
    this.#edge = 0 as Seq
  }

  /** The shift that the largest buffer needs: what our SYN offers. */
  get offeredShift(): number {
    let shift = 0
    while (shift < largestShift && this.#mostBytes > largestField << shift) shift += 1
    return shift
  }

  /** Right edge as advertised. */
  get edge(): Seq {
    return this.#edge
  }

  /** The peer's numbers are known. What our own SYN has offered, if we have sent one, holds from here. */
  start(next: Seq): void {
    this.#edge = seqAdd(next, this.#offeredBytes)
  }

  /** RCV.WND */
  size(next: Seq): number {
    return Math.max(0, seqDiff(this.#edge, next))
  }

  /** The value of the next segment's window field; moves the edge. A SYN's is never scaled. */
  advertise(next: Seq, unreadBytes: number, mss: number, syn: boolean): number {
    const shift = syn ? 0 : this.shift
    const edge = this.#wantedEdge(next, unreadBytes, mss)
    // Rounded up, or the right edge would move back by a part of a unit.
    const field = Math.min(largestField, Math.ceil(seqDiff(edge, next) / (1 << shift)))
    const advertised = seqAdd(next, field << shift)
    if (seqLess(this.#edge, advertised)) this.#edge = advertised
    if (syn) this.#offeredBytes = field
    return field
  }

  /** The application has made so much room that the peer should hear of it (RFC 9293 3.8.6.2.2). */
  updateDue(next: Seq, unreadBytes: number, mss: number): boolean {
    const known = this.size(next)
    const wanted = seqDiff(this.#wantedEdge(next, unreadBytes, mss), next)
    return wanted > known && wanted >= 2 * known
  }

  /** The application has read `bytes`: if it reads half a buffer in a round trip, the buffer is what holds the peer up. */
  read(bytes: number, roundTrip: Milliseconds, now: Milliseconds): void {
    this.#readBytes += bytes
    if (now - this.#readSince < Math.max(roundTrip, 1)) return
    if (this.#readBytes * 2 > this.limitBytes) this.limitBytes = Math.min(this.#mostBytes, Math.max(this.limitBytes, this.#readBytes * 4))
    this.#readBytes = 0
    this.#readSince = now
  }

  #wantedEdge(next: Seq, unreadBytes: number, mss: number): Seq {
    // What the field cannot say is never offered: or after each read there would seem to be more to tell.
    const free = Math.min(this.limitBytes - unreadBytes, largestField << this.shift)
    const wanted = seqAdd(next, Math.max(0, free))
    const step = Math.min(Math.floor(this.limitBytes / 2), mss)
    const gain = seqDiff(wanted, this.#edge)
    if (gain > 0 && gain >= step) return wanted
    return seqLess(this.#edge, next) ? next : this.#edge
  }
}
