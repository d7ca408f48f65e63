import { seqAdd, seqLess, seqLessOrEqual, type Seq } from './seq.ts'

/** What the peer allows us to have in flight: SND.WND with SND.WL1 and SND.WL2 of RFC 9293 3.3.1. */
export class SendWindow {
  /** SND.WND */
  bytes = 0
  /** Max(SND.WND) of RFC 9293 3.8.6.2.1. */
  largest = 0
  #seq: Seq
  #ack: Seq

  constructor(initialSequence: Seq) {
    this.#seq = initialSequence
    this.#ack = initialSequence
  }

  /**
   * RFC 9293 3.10.7.4, fifth check: the window counts only from a segment that is not older than the last one's. One that moves
   * SND.UNA is not, whatever its number: with the old window from there on we would send more than was ever allowed. True: it is another one now.
   */
  update(window: number, seq: Seq, ack: Seq, una: Seq): boolean {
    const newer = seqLess(una, ack) || seqLess(this.#seq, seq) || (this.#seq === seq && seqLessOrEqual(this.#ack, ack))
    if (!newer) return false
    const changed = window !== this.bytes
    this.set(window, seq, ack)
    return changed
  }

  set(window: number, seq: Seq, ack: Seq): void {
    this.bytes = window
    this.largest = Math.max(this.largest, window)
    this.#seq = seq
    this.#ack = ack
  }

  /** RFC 5961 5.2: an ACK of something sent, and not older than a window. */
  acceptsAck(ack: Seq, una: Seq, next: Seq): boolean {
    return seqLessOrEqual(ack, next) && seqLessOrEqual(seqAdd(una, -this.largest), ack)
  }
}
