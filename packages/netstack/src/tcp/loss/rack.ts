import type { Milliseconds } from '@tunnel/flow'
import { seqLess, seqLessOrEqual, type Seq } from '../seq.ts'
import type { RttEstimator } from './rtt-estimator.ts'
import type { DeliveryObserver, SentSegment, SentSegments } from './sent-segments.ts'

/** Without signs of reordering, more than so many segments' worth of later data condemns an earlier one (RFC 8985 3.3.1, RFC 6675 4). */
const duplicateThreshold = 2
/** For so many recoveries a widened reordering window stays (RFC 8985 6.2, step 4). */
const widenedRecoveries = 16
/** Longest that a peer is expected to sit on an ACK (RFC 8985 7.2, TLP.max_ack_delay). */
const mostAckDelay = 200

/** A probe waits at least so long: programs stop for that much, to collect garbage or because others run. */
const leastProbeTimeout = 10

/** How an ACK tells that bytes came twice (RFC 2883). */
export interface AckContext {
  readonly now: Milliseconds
  /** When the segment that caused this ACK was sent, by its timestamp; undefined without timestamps. */
  readonly echoedAt: Milliseconds | undefined
  readonly duplicateReported: boolean
}

/**
 * Loss detection by time (RACK, RFC 8985): a segment is lost when one that was sent later has arrived, and a little more time than
 * packets need to overtake each other has passed. It finds lost retransmissions and lost tails too, and bears reordering.
 */
export class Rack implements DeliveryObserver {
  readonly #rtt: RttEstimator
  /** For RACK.xmit_ts, and RACK.end_seq: the latest sent segment that has arrived. */
  #turn = 0
  #end: Seq
  /** RACK.rtt */
  #roundTrip: Milliseconds = 0
  /** RACK.fack: the highest byte that has arrived. */
  #highest: Seq
  #reorderingSeen = false
  /** RACK.reo_wnd_mult, RACK.reo_wnd_persist, RACK.dsack_round */
  #windowFactor = 1
  #widenedFor = widenedRecoveries
  #duplicateRound: Seq | undefined
  #context: AckContext = { now: 0, echoedAt: undefined, duplicateReported: false }
  /** Round trip of the segment acknowledged last. */
  #sample: Milliseconds | undefined
  #resentArrived = false

  constructor(rtt: RttEstimator, start: Seq) {
    this.#rtt = rtt
    this.#end = start
    this.#highest = start
  }

  /** An ACK is about to be worked through. */
  begin(context: AckContext): void {
    this.#context = context
    this.#sample = undefined
    this.#resentArrived = false
  }

  /**
   * What this ACK tells of the round trip. Nothing where it acknowledges something that was sent twice (Karn's rule): what was sent once and comes with it has
   * waited behind the gap for all the time that the gap took.
   */
  get sample(): Milliseconds | undefined {
    return this.#resentArrived ? undefined : this.#sample
  }

  /** RFC 8985 6.2, steps 2 and 3, for one segment. */
  delivered(segment: SentSegment): void {
    const { now, echoedAt } = this.#context
    const roundTrip = now - segment.sentAt
    this.#sample = roundTrip
    this.#resentArrived ||= segment.retransmitted
    if (seqLess(this.#highest, segment.end)) this.#highest = segment.end
    else if (!segment.retransmitted && seqLess(segment.end, this.#highest)) this.#reorderingSeen = true
    // This may acknowledge the first transmission, not the second: then nothing is known of the second.
    if (segment.retransmitted) {
      if (echoedAt !== undefined && echoedAt < Math.floor(segment.sentAt)) return
      if (roundTrip < this.#rtt.least) return
    }
    this.#roundTrip = roundTrip
    if (!isSentAfter(segment.turn, segment.end, this.#turn, this.#end)) return
    this.#turn = segment.turn
    this.#end = segment.end
  }

  /** RFC 8985 6.2, step 5: marks what is lost; returns how long to wait for the next that may be, or 0. */
  detect(sent: SentSegments, window: Milliseconds, now: Milliseconds): Milliseconds {
    let wait = 0
    for (let segment = sent.oldest; segment; ) {
      if (!isSentAfter(this.#turn, this.#end, segment.turn, segment.end)) break
      const { newer }: SentSegment = segment
      const remaining = segment.sentAt + this.#roundTrip + window - now
      if (remaining <= 0) sent.markLost(segment)
      else wait = Math.max(wait, remaining)
      segment = newer
    }
    return wait
  }

  /** RFC 8985 6.2, step 4: how long a packet may be overtaken for. */
  reorderingWindow(sent: SentSegments, una: Seq, next: Seq, mss: number, recovering: boolean): Milliseconds {
    if (this.#duplicateRound !== undefined && seqLessOrEqual(this.#duplicateRound, una)) this.#duplicateRound = undefined
    if (this.#context.duplicateReported && this.#duplicateRound === undefined) {
      this.#duplicateRound = next
      this.#windowFactor += 1
      this.#widenedFor = widenedRecoveries
    }
    if (!this.#reorderingSeen && (recovering || sent.sackedBytes > duplicateThreshold * mss)) return 0
    const { least, smoothed = 0, variance } = this.#rtt
    // Where some packets leap over the whole path, the least round trip says nothing about the others.
    const usual = Number.isFinite(least) ? Math.max(least, smoothed / 2) : 0
    // The RFC's bound is SRTT. Where round trips differ widely, and DSACKs have widened the window, that is too little.
    return Math.min((this.#windowFactor * usual) / 4, smoothed + 4 * variance)
  }

  /** A recovery is over. */
  recovered(): void {
    this.#widenedFor -= 1
    if (this.#widenedFor > 0) return
    this.#windowFactor = 1
    this.#widenedFor = widenedRecoveries
  }

  /** RFC 8985 6.3: the retransmission timer has expired. Where no SACK will tell of further gaps, all is held for lost (RFC 5681 3.1). */
  markAfterTimeout(sent: SentSegments, window: Milliseconds, now: Milliseconds, sackPermitted: boolean): void {
    const { first } = sent
    if (first) sent.markLost(first)
    for (let segment = sent.oldest; segment && (!sackPermitted || segment.sentAt + this.#roundTrip + window <= now); ) {
      const { newer }: SentSegment = segment
      sent.markLost(segment)
      segment = newer
    }
  }

  /** PTO: after so long without an answer a probe asks for one (RFC 8985 7.2). */
  probeTimeout(inFlightBytes: number, mss: number): Milliseconds {
    if (this.#rtt.smoothed === undefined) return 1_000
    return Math.max(leastProbeTimeout, 2 * this.#rtt.smoothed) + (inFlightBytes <= mss ? mostAckDelay : 0)
  }
}

/** RFC 8985 6.1, by turns instead of times, which are equal where much is sent at once; parts of one transmission by sequence number. */
function isSentAfter(leftTurn: number, leftEnd: Seq, rightTurn: number, rightEnd: Seq): boolean {
  return leftTurn > rightTurn || (leftTurn === rightTurn && seqLess(rightEnd, leftEnd))
}
