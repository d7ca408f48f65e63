import type { Milliseconds } from '@tunnel/flow'
import type { SegmentOutput } from '../segment-output.ts'
import type { SegmentSizes } from '../segment-sizes.ts'
import { seqAdd, type Seq } from '../seq.ts'
import type { LossRecovery } from './loss-recovery.ts'
import type { SentSegment } from './sent-segments.ts'

/** Sends again what recovery believes lost. */
export class Retransmitter {
  /** The first segment goes again, whatever else may be in flight (RFC 6298 5.4). */
  firstDue = false
  readonly #recovery: LossRecovery
  readonly #sizes: SegmentSizes

  constructor(recovery: LossRecovery, sizes: SegmentSizes) {
    this.#recovery = recovery
    this.#sizes = sizes
  }

  /** All that is lost, as the path allows. False: the device takes no more. */
  sendLost(output: SegmentOutput, next: Seq, largestWindow: number, now: Milliseconds): boolean {
    const recovery = this.#recovery
    const sizes = this.#sizes
    for (let segment = recovery.sent.nextLost; segment; segment = recovery.sent.nextLost) {
      const pipe = recovery.inFlight(next)
      // One segment may always go with nothing in flight, and after a timeout (RFC 6298 5.4): else no ACK would ever come.
      if (pipe > 0 && !this.firstDue && pipe + Math.min(segment.length, sizes.mss) > recovery.windowBytes) return true
      const largest = Math.min(sizes.largest(largestWindow), sizes.whole(recovery.windowBytes - pipe))
      if (segment.length > largest) recovery.sent.split(segment, seqAdd(segment.seq, largest))
      if (!resend(segment, output, now)) return false
      recovery.resent(segment, now)
      this.firstDue = false
    }
    return true
  }

  /** The last segment, as a probe for the loss of the tail (RFC 8985 7.3). */
  sendTail(output: SegmentOutput, now: Milliseconds): boolean {
    const recovery = this.#recovery
    const { last } = recovery.sent
    if (!last) return true
    const { mss } = this.#sizes
    if (last.length > mss) recovery.sent.split(last, seqAdd(last.end, -mss))
    const tail = recovery.sent.last ?? last
    if (!resend(tail, output, now)) return false
    recovery.probed(tail, true, now)
    return true
  }
}

function resend(segment: SentSegment, output: SegmentOutput, now: Milliseconds): boolean {
  const bytes = segment.length - (segment.syn ? 1 : 0) - (segment.fin ? 1 : 0)
  return output.sendData(segment.seq, bytes, segment.syn, segment.fin, now)
}
