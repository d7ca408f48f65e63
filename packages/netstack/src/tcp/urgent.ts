import type { Segment } from '../wire/tcp-segment.ts'
import type { Receiver } from './receiver.ts'
import type { Sender } from './sender.ts'
import { seqAdd, seqDiff, seqLess, seqLessOrEqual, type Seq } from './seq.ts'
import type { TcpReports } from './tcp-report.ts'

const largestPointer = 0xffff

/**
 * Both urgent pointers of a connection (RFC 9293 3.8.5). Urgent data is data like any other and stays where it is (RFC 6093 6); the pointer says how far
 * it reaches: to the number behind its last byte (MUST-62).
 */
export class UrgentPointers {
  readonly #sender: Sender
  readonly #receiver: Receiver
  readonly #reports: TcpReports
  /** SND.UP and RCV.UP; undefined as long as there is none. */
  #sendEnd: Seq | undefined = undefined
  #receiveEnd: Seq | undefined = undefined

  constructor(sender: Sender, receiver: Receiver, reports: TcpReports) {
    this.#sender = sender
    this.#receiver = receiver
    this.#reports = reports
  }

  /** What was written, and the next `bytes`, are urgent. */
  announce(bytes: number): void {
    const { finQueued, buffer } = this.#sender
    if (finQueued) return
    this.#sendEnd = seqAdd(buffer.end, bytes)
    // A device that cuts segments would write the same pointer into all of them.
    this.#sender.cutsBeforehand()
  }

  /** Of a segment of ours that begins at `seq`; 0 without URG. */
  pointer(seq: Seq): number {
    if (this.#sendEnd === undefined) return 0
    // Forgotten when it is acknowledged: numbers come round.
    if (seqLessOrEqual(this.#sendEnd, this.#sender.una)) this.#sendEnd = undefined
    if (this.#sendEnd === undefined || !seqLess(seq, this.#sendEnd)) return 0
    return Math.min(largestPointer, seqDiff(this.#sendEnd, seq))
  }

  /** A segment with URG has come (RFC 9293 3.10.7.4, sixth check). */
  receive({ seq, urgent = 0 }: Segment): void {
    const end = seqAdd(seq, urgent)
    const isNews = seqLess(this.#receiver.unreadFrom, end) && (this.#receiveEnd === undefined || seqLess(this.#receiveEnd, end))
    if (!isNews || urgent === 0 || this.#receiver.finished) return
    this.#receiveEnd = end
    this.#reports.add({ kind: 'urgent', bytes: this.unreadBytes })
  }

  /** The program has read: what it has taken is urgent no more. */
  read(): void {
    if (this.#receiveEnd !== undefined && seqLessOrEqual(this.#receiveEnd, this.#receiver.unreadFrom)) this.#receiveEnd = undefined
  }

  /** To be read until the last byte that the peer calls urgent (MUST-33). */
  get unreadBytes(): number {
    return this.#receiveEnd === undefined ? 0 : Math.max(0, seqDiff(this.#receiveEnd, this.#receiver.unreadFrom))
  }
}
