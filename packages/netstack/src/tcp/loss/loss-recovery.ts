import type { Milliseconds } from '@tunnel/flow'
import type { SackBlock } from '../../wire/tcp-options.ts'
import type { CongestionControl, CreateCongestionControl } from '../congestion/congestion-control.ts'
import { seqDiff, seqLess, type Seq } from '../seq.ts'
import { ProportionalRate } from './proportional-rate.ts'
import { Rack } from './rack.ts'
import { RttEstimator } from './rtt-estimator.ts'
import { SentSegments, type SentSegment } from './sent-segments.ts'

/** What an acceptable ACK says of our segments. */
export interface Acknowledgement {
  readonly ack: Seq
  /** SND.NXT */
  readonly next: Seq
  /** Without the one that reports a duplicate. */
  readonly sack: readonly SackBlock[]
  readonly duplicate: SackBlock | undefined
  /** When the segment that caused it was sent, by timestamps; floored to milliseconds. */
  readonly echoedAt: Milliseconds | undefined
  /** It has no data, changes no window and acknowledges nothing (RFC 5681 2): a sign of loss where there is no SACK. */
  readonly bare: boolean
  readonly now: Milliseconds
}

/** One at a time, so that two can never run by mistake. */
export type LossTimer = 'none' | 'retransmission' | 'reordering' | 'probe'

interface Probe {
  readonly end: Seq
  readonly retransmission: boolean
}

/**
 * Finds out what is lost and how much may be in flight meanwhile: RACK-TLP (RFC 8985) where the peer has SACK, NewReno's rule (RFC 6582)
 * where it has not, the retransmission timer (RFC 6298) behind both, PRR within a recovery, and the way back when nothing
 * had been lost (RFC 3522, 4015).
 */
export class LossRecovery {
  readonly sent = new SentSegments()
  readonly rtt = new RttEstimator()
  readonly #rack: Rack
  readonly #createCongestion: CreateCongestionControl
  #congestion: CongestionControl
  #mss: number
  #sackPermitted = false
  #una: Seq
  #phase: 'open' | 'fast' | 'timeout' = 'open'
  /** The phase ends when this is acknowledged: SND.NXT of when it began. */
  #point: Seq
  #rate: ProportionalRate | undefined
  /** When the first segment of this recovery was sent again. */
  #firstResentAt: Milliseconds | undefined
  /** Sent again since the last reduction of the window, and not yet reported as a duplicate; where what was sent then begins. */
  #resentBytes = 0
  #undoFrom: Seq | undefined
  #probe: Probe | undefined
  /** Arrived out of order, and not yet told to congestion control. */
  #uncounted = 0
  /** Without SACK: ACKs that told of data behind a gap. */
  #duplicateAcks = 0
  /** What was in flight, and not acknowledged, when we had last sent: of ACKs that come together only the first finds it so. */
  #fullPipe = 0
  #fullFlight = 0
  #retransmissionBase: Milliseconds = 0
  #probeBase: Milliseconds = 0
  #reorderingAt: Milliseconds | undefined
  timer: LossTimer = 'none'
  timerAt: Milliseconds = Number.POSITIVE_INFINITY
  retransmissions = 0
  /** How often the window was made smaller. */
  reductions = 0
  /** What lies before it was in flight when the window was reduced for a mark; forgotten when all that is acknowledged, before numbers come round. */
  #markedUntil: Seq | undefined
  /** The last reduction was for losses, which may turn out to be none. */
  #undoable = false

  constructor(createCongestion: CreateCongestionControl, start: Seq, mss: number) {
    this.#createCongestion = createCongestion
    this.#congestion = createCongestion(mss)
    this.#rack = new Rack(this.rtt, start)
    this.#una = start
    this.#point = start
    this.#mss = mss
  }

  get congestion(): CongestionControl {
    return this.#congestion
  }

  get phase(): 'open' | 'fast' | 'timeout' {
    return this.#phase
  }

  /** What may be in flight. */
  get windowBytes(): number {
    return this.#rate && this.#phase === 'fast' ? this.#rate.windowBytes : this.#congestion.windowBytes
  }

  /** `pipe` of RFC 6675: sent, and neither arrived nor lost. `next`: SND.NXT. */
  inFlight(next: Seq): number {
    const arrived = this.#sackPermitted ? this.sent.sackedBytes : this.#duplicateAcks * this.#mss
    return Math.max(0, seqDiff(next, this.#una) - arrived - this.sent.lostBytes)
  }

  /** The handshake has told what the peer can do. */
  negotiated(mss: number, sackPermitted: boolean): void {
    this.#mss = mss
    this.#sackPermitted = sackPermitted
    this.#congestion = this.#createCongestion(mss)
    // RFC 5681 3.1: if a SYN was lost, begin with one segment.
    if (this.retransmissions > 0) this.#congestion.restart(mss)
    if (this.retransmissions > 0) this.rtt.synWasLost()
  }

  /** `segment` has gone out for the first time. */
  pushed(segment: SentSegment): void {
    if (this.sent.count === 0) this.#retransmissionBase = segment.sentAt
    this.#probeBase = segment.sentAt
    this.sent.push(segment)
    this.#rate?.sent(segment.length)
  }

  /** `segment` has gone out again. */
  resent(segment: SentSegment, now: Milliseconds): void {
    this.retransmissions += 1
    this.#firstResentAt ??= Math.floor(now)
    this.#resentBytes += segment.length
    if (segment === this.sent.first) this.#retransmissionBase = now
    this.#probeBase = now
    this.sent.resent(segment, now)
    this.#rate?.sent(segment.length)
  }

  /** A probe has gone out: the last segment again, or a new one. */
  probed(segment: SentSegment, retransmission: boolean, now: Milliseconds): void {
    this.#probe = { end: segment.end, retransmission }
    this.#retransmissionBase = now
    if (!retransmission) return
    this.retransmissions += 1
    this.sent.resent(segment, now)
  }

  /** All that may go has gone. */
  transmitted(next: Seq): void {
    this.#fullPipe = this.inFlight(next)
    this.#fullFlight = seqDiff(next, this.#una)
  }

  /** Works through an acceptable ACK. */
  acknowledge(acknowledgement: Acknowledgement): void {
    const { ack, next, sack, duplicate, echoedAt, now } = acknowledgement
    const advanced = seqLess(this.#una, ack)
    const flight = seqDiff(next, this.#una)
    const pipe = this.inFlight(next)
    this.#rack.begin({ now, echoedAt, duplicateReported: duplicate !== undefined })
    let delivered = advanced ? this.sent.acknowledge(ack, this.#rack) : 0
    if (this.#sackPermitted && sack.length > 0) delivered += this.sent.sack(sack, ack, next, this.#rack)
    this.#takeSample(advanced, echoedAt, now)
    if (advanced) this.#advance(ack, now)
    else if (!this.#sackPermitted && acknowledgement.bare) delivered += this.#countDuplicate()
    this.#judgeProbe(acknowledgement)
    if (duplicate) this.#countNeedless(duplicate)
    if (this.#phase !== 'open' && advanced) this.#endPhase(ack, echoedAt)
    const lostBefore = this.sent.lostBytes
    this.#detect(next, now)
    if (this.sent.lostBytes > 0 && this.#phase === 'open') this.#enterRecovery(flight, next, now)
    if (this.#phase === 'fast') {
      this.#rate?.acked(delivered, this.inFlight(next), this.#mss, advanced && this.sent.lostBytes <= lostBefore)
      this.#uncounted = 0
      return
    }
    // RFC 5681 3.2, step 1: what tells of a gap lets new segments out (RFC 3042) but does not widen the window. Once the gap is filled it counts.
    this.#uncounted += delivered
    if (this.#uncounted === 0 || (!advanced && this.#phase === 'open')) return
    this.#congestion.acked({ bytes: this.#uncounted, flightBytes: Math.max(pipe, this.#fullPipe), now, roundTrip: this.rtt.smoothed ?? 0 })
    this.#uncounted = 0
  }

  /**
   * A packet was marked on its way: slow down as for a loss, though nothing has to go again. Once until something that was sent afterwards has arrived
   * (RFC 3168 6.1.2), and not where losses have had that effect.
   */
  marked(next: Seq, now: Milliseconds): void {
    if (this.#phase !== 'open' || this.#markedUntil !== undefined) return
    this.#markedUntil = next
    this.#undoable = false
    this.reductions += 1
    this.#congestion.lossDetected(this.#reducedFrom(seqDiff(next, this.#una)), now)
    this.#congestion.recovered()
  }

  /** Sets the timer for what is in flight. `past`: nothing rings before it, nor then; what would have, because the path has shrunk, rings soon. */
  arm(past: Milliseconds = Number.NEGATIVE_INFINITY): void {
    const retransmissionAt = this.#retransmissionBase + this.rtt.timeout
    if (this.sent.count === 0) this.#setTimer('none', Number.POSITIVE_INFINITY)
    else if (this.#reorderingAt !== undefined) this.#setTimer('reordering', this.#reorderingAt)
    else if (this.#mayProbe) {
      const probeAt = this.#probeBase + this.#rack.probeTimeout(seqDiff(this.sent.last?.end ?? this.#una, this.#una), this.#mss)
      this.#setTimer('probe', Math.min(probeAt, retransmissionAt))
    } else this.#setTimer('retransmission', retransmissionAt)
    if (this.timerAt <= past) this.timerAt = past + 1
  }

  /** The reordering window is over: what has not come by now is lost. */
  reorderingExpired(next: Seq, now: Milliseconds): void {
    this.#reorderingAt = undefined
    // Where we come so late that the other timer would have rung too, what goes again now gets its time first.
    if (this.#retransmissionBase + this.rtt.timeout <= now) this.#retransmissionBase = now
    this.#detect(next, now)
    if (this.sent.lostBytes === 0 || this.#phase !== 'open') return
    this.#enterRecovery(seqDiff(next, this.#una), next, now)
    this.#rate?.acked(0, this.inFlight(next), this.#mss, false)
  }

  /** RFC 6298 5.4 to 5.6, RFC 8985 6.3. */
  retransmissionExpired(next: Seq, now: Milliseconds): void {
    const { first } = this.sent
    if (!first) return
    this.rtt.backOff()
    // What it said to have it has no more, or the first byte would be acknowledged (RFC 2018 8).
    if (first.sacked) this.sent.forgetSack()
    const window = this.#rack.reorderingWindow(this.sent, this.#una, next, this.#mss, true)
    if (this.#phase !== 'timeout' && !first.syn) {
      this.#congestion.timedOut(Math.min(seqDiff(next, this.#una), this.windowBytes), now)
      this.reductions += 1
      this.#beginUndo()
    }
    this.#rack.markAfterTimeout(this.sent, window, now, this.#sackPermitted)
    this.#phase = 'timeout'
    this.#uncounted = 0
    this.#rate = undefined
    this.#point = next
    this.#probe = undefined
    this.#reorderingAt = undefined
    this.#duplicateAcks = 0
    this.#retransmissionBase = now
  }

  /** The path takes less than was thought: everything in flight that is larger goes again, in smaller pieces. No sign of congestion. */
  shrink(mss: number): void {
    this.#mss = mss
    this.#congestion.mssChanged(mss)
    for (let segment = this.sent.oldest; segment; ) {
      const { newer }: SentSegment = segment
      if (segment.length > mss) this.sent.markLost(segment)
      segment = newer
    }
  }

  clear(): void {
    this.sent.clear()
    this.#setTimer('none', Number.POSITIVE_INFINITY)
  }

  /** RFC 8985 7.2: not while something is known to be missing, and one at a time. */
  get #mayProbe(): boolean {
    if (!this.#sackPermitted || this.#phase !== 'open' || this.#probe || this.sent.first?.syn) return false
    return this.sent.sackedBytes === 0 && this.sent.lostBytes === 0
  }

  #takeSample(advanced: boolean, echoedAt: Milliseconds | undefined, now: Milliseconds): void {
    if (this.#rack.sample !== undefined) this.rtt.sample(this.#rack.sample, now)
    // All that it acknowledges was sent twice; the timestamp tells which of them it was (RFC 7323 4.1).
    else if (advanced && echoedAt !== undefined) this.rtt.sample(Math.max(0, now - echoedAt), now)
  }

  #advance(ack: Seq, now: Milliseconds): void {
    this.#una = ack
    if (this.#markedUntil !== undefined && seqLess(this.#markedUntil, ack)) this.#markedUntil = undefined
    this.#duplicateAcks = 0
    this.#retransmissionBase = now
    this.#probeBase = now
    this.rtt.restore()
  }

  /** RFC 6582 3.2, step 2: the third one means that the first segment is lost. */
  #countDuplicate(): number {
    if (this.sent.count === 0) return 0
    this.#duplicateAcks += 1
    const { first } = this.sent
    if (first && this.#duplicateAcks === 3 && this.#phase === 'open') this.sent.markLost(first)
    return this.#mss
  }

  /** RFC 8985 7.4.2: if the probe mended a loss, congestion control must hear of it. */
  #judgeProbe({ ack, duplicate, bare, sack, now, next }: Acknowledgement): void {
    const probe = this.#probe
    if (!probe || seqLess(ack, probe.end)) return
    if (!probe.retransmission || duplicate?.end === probe.end) this.#probe = undefined
    else if (seqLess(probe.end, ack)) {
      this.#probe = undefined
      this.#congestion.lossDetected(this.#reducedFrom(seqDiff(next, ack)), now)
      this.#congestion.recovered()
    } else if (bare && sack.length === 0) this.#probe = undefined
  }

  #endPhase(ack: Seq, echoedAt: Milliseconds | undefined): void {
    // RFC 3522: the ACK answers a segment from before our first retransmission, so that one was needless.
    if (this.#firstResentAt !== undefined && echoedAt !== undefined && echoedAt < this.#firstResentAt) {
      this.#undo()
    } else if (seqLess(ack, this.#point)) {
      // RFC 6582 3.2, step 5: a partial ACK. The next gap begins where it ends.
      const { first } = this.sent
      if (!this.#sackPermitted && first && this.#phase === 'fast') this.sent.markLost(first)
      return
    } else if (this.#phase === 'fast') this.#congestion.recovered()
    this.#open()
  }

  #open(): void {
    this.#phase = 'open'
    this.#rate = undefined
    this.#firstResentAt = undefined
    this.#rack.recovered()
  }

  #beginUndo(): void {
    this.#undoable = true
    this.#firstResentAt = undefined
    this.#resentBytes = 0
    this.#undoFrom = this.#una
  }

  /** RFC 3708: when all that was sent again has come twice, nothing had been lost, and the window was reduced for nothing. */
  #countNeedless({ start, end }: SackBlock): void {
    if (this.#undoFrom === undefined || this.#resentBytes === 0 || seqLess(start, this.#undoFrom)) return
    this.#resentBytes -= seqDiff(end, start)
    if (this.#resentBytes > 0) return
    this.#undo()
    if (this.#phase !== 'open') this.#open()
  }

  #undo(): void {
    if (this.#undoable) this.#congestion.undo()
    this.sent.unmarkLost()
    this.#undoFrom = undefined
    this.#resentBytes = 0
  }

  #detect(next: Seq, now: Milliseconds): void {
    this.#reorderingAt = undefined
    if (!this.#sackPermitted || this.sent.count === 0) return
    const window = this.#rack.reorderingWindow(this.sent, this.#una, next, this.#mss, this.#phase !== 'open')
    const wait = this.#rack.detect(this.sent, window, now)
    if (wait > 0) this.#reorderingAt = now + wait
  }

  #enterRecovery(flight: number, next: Seq, now: Milliseconds): void {
    this.#phase = 'fast'
    this.#point = next
    this.#firstResentAt = undefined
    // For a mark among these segments the window was made smaller before.
    if (this.#markedUntil === undefined || !seqLess(this.#una, this.#markedUntil)) {
      this.#beginUndo()
      this.reductions += 1
      this.#congestion.lossDetected(this.#reducedFrom(flight), now)
    }
    this.#rate = new ProportionalRate(flight, this.#congestion.thresholdBytes)
  }

  /** FlightSize of RFC 5681 3.1, before the ACKs that came together with the one that tells of the loss. */
  #reducedFrom(flight: number): number {
    return Math.min(Math.max(flight, this.#fullFlight), this.#congestion.windowBytes)
  }

  #setTimer(timer: LossTimer, at: Milliseconds): void {
    this.timer = timer
    this.timerAt = at
  }
}
