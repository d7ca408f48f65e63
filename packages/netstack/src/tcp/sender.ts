import type { Milliseconds, Release } from '@tunnel/flow'
import type { SackBlock } from '../wire/tcp-options.ts'
import { SendBuffer } from './buffer/send-buffer.ts'
import type { BlockPool } from './buffer/block-pool.ts'
import { initialWindowBytes, type CreateCongestionControl } from './congestion/congestion-control.ts'
import { LossRecovery } from './loss/loss-recovery.ts'
import { Retransmitter } from './loss/retransmitter.ts'
import { SentSegment } from './loss/sent-segments.ts'
import { PersistTimer } from './persist-timer.ts'
import type { SegmentOutput } from './segment-output.ts'
import { SegmentSizes } from './segment-sizes.ts'
import { SendWindow } from './send-window.ts'
import { seqAdd, seqDiff, seqLess, seqLessOrEqual, type Seq } from './seq.ts'
import type { TcpTunables } from './tcp-connection-options.ts'
import type { TcpInfo } from './tcp-info.ts'

/** Segments in flight that are kept account of: bounds memory when an application sends single bytes. */
const sentLimit = 8_192
export interface SenderOptions {
  readonly pool: BlockPool
  readonly initialSequence: Seq
  readonly createCongestion: CreateCongestionControl
  /** Data of a full segment, before the peer has named its own. */
  readonly mss: number
  /** Data of the largest segment that the device takes and cuts itself; 0 if it cuts none. */
  readonly offloadBytes: number
  readonly flightLimitBytes: number
  readonly tunables: TcpTunables
}

/** The sending half: what the application has sent, what of it is in flight, and when which part goes out (RFC 9293 3.8). */
export class Sender {
  readonly buffer: SendBuffer
  readonly recovery: LossRecovery
  readonly window: SendWindow
  readonly #sizes: SegmentSizes
  readonly #retransmitter: Retransmitter
  readonly #persist = new PersistTimer()
  readonly #tunables: TcpTunables
  readonly #flightLimitBytes: number
  /** Timeouts since the last answer: the first of them is R1's. */
  timeouts = 0
  /** SND.UNA, SND.NXT */
  una: Seq
  next: Seq
  /** The handshake is done: data may go. */
  #open = false
  #synSent = false
  #finQueued = false
  #finSent = false
  #probeDue = false
  #lastSentAt: Milliseconds = 0
  /** Where the last segment that was not full has ended, until that is acknowledged. */
  #smallEnd: Seq | undefined
  #unansweredSince: Milliseconds | undefined
  #answeredAt: Milliseconds = 0

  constructor(options: SenderOptions) {
    const start = options.initialSequence
    this.#tunables = options.tunables
    this.#flightLimitBytes = options.flightLimitBytes
    this.buffer = new SendBuffer(options.pool, seqAdd(start, 1))
    this.recovery = new LossRecovery(options.createCongestion, start, options.mss)
    this.window = new SendWindow(start)
    this.#sizes = new SegmentSizes(options.mss, options.offloadBytes)
    this.#retransmitter = new Retransmitter(this.recovery, this.#sizes)
    this.una = start
    this.next = start
  }

  /** Sent by the application and not yet by us. */
  get unsentBytes(): number {
    if (this.#finSent) return 0
    return Math.max(0, seqDiff(this.buffer.end, this.#synSent ? this.next : seqAdd(this.next, 1)))
  }

  /** Our FIN has been acknowledged. */
  get finished(): boolean {
    return this.#finSent && this.una === this.next
  }

  get finQueued(): boolean {
    return this.#finQueued
  }

  get finSent(): boolean {
    return this.#finSent
  }

  get mss(): number {
    return this.#sizes.mss
  }

  get timerAt(): Milliseconds {
    if (this.recovery.timerAt !== Number.POSITIVE_INFINITY) return this.recovery.timerAt
    return this.#persist.wakeAt(this.recovery.rtt.timeout)
  }

  /** Since when the peer answers nothing though it should; infinity if it does. */
  get unansweredSince(): Milliseconds {
    return this.#unansweredSince ?? Number.POSITIVE_INFINITY
  }

  write(chunk: Uint8Array, release: Release | undefined): void {
    this.buffer.append(chunk, release)
  }

  /** A FIN follows all that was written. */
  finish(): void {
    this.#finQueued = true
  }

  negotiated(mss: number, sackPermitted: boolean): void {
    this.#sizes.mss = mss
    this.recovery.negotiated(mss, sackPermitted)
  }

  /** The handshake is done; `seq` and `ack` are those of the segment that completed it. */
  established(window: number, seq: Seq, ack: Seq): void {
    this.#open = true
    this.window.set(window, seq, ack)
  }

  /** True: the window is another one than before. */
  updateWindow(window: number, seq: Seq, ack: Seq): boolean {
    return this.window.update(window, seq, ack, this.una)
  }

  /** RFC 5961 5.2. */
  isAcceptableAck(ack: Seq): boolean {
    return this.window.acceptsAck(ack, this.una, this.next)
  }

  /** An ACK that lies between SND.UNA and SND.NXT. */
  acknowledge(ack: Seq, blocks: readonly SackBlock[], echoedAt: Milliseconds | undefined, bare: boolean, now: Milliseconds): void {
    const advanced = seqLess(this.una, ack)
    const [first] = blocks
    // RFC 2883 4: the first block tells of a duplicate if it lies before the ACK, or inside the second block.
    const second = blocks[1]
    const reports =
      first !== undefined &&
      (seqLessOrEqual(first.end, ack) || (second !== undefined && seqLessOrEqual(second.start, first.start) && seqLessOrEqual(first.end, second.end)))
    // Whoever closes the window, or shrinks it over what is in flight, and answers is alive (RFC 9293 3.8.6.1, MUST-37, SHLD-17).
    if (advanced || this.window.bytes === 0 || seqLess(seqAdd(ack, this.window.bytes), this.next)) {
      this.#unansweredSince = undefined
      this.#answeredAt = now
    }
    if (advanced) {
      this.una = ack
      this.timeouts = 0
      if (this.#smallEnd !== undefined && seqLessOrEqual(this.#smallEnd, ack)) this.#smallEnd = undefined
      // A FIN has a number and no byte.
      this.buffer.acknowledge(seqLess(this.buffer.end, ack) ? this.buffer.end : ack)
    }
    this.recovery.acknowledge({
      ack,
      next: this.next,
      sack: reports ? blocks.slice(1) : blocks,
      duplicate: reports ? first : undefined,
      echoedAt,
      bare,
      now,
    })
    this.recovery.arm()
  }

  /** The largest segment that the path takes is less than was thought (RFC 1191, RFC 8201). */
  pathShrunk(mss: number): void {
    if (mss >= this.#sizes.mss) return
    this.#sizes.mss = mss
    this.recovery.shrink(mss)
  }

  info(): Omit<TcpInfo, 'state' | 'unreadBytes'> {
    const { recovery } = this
    return {
      mssBytes: this.#sizes.mss,
      congestionWindowBytes: recovery.windowBytes,
      slowStartThresholdBytes: recovery.congestion.thresholdBytes,
      recovery: recovery.phase,
      unacknowledgedBytes: seqDiff(this.next, this.una),
      sackedBytes: recovery.sent.sackedBytes,
      lostBytes: recovery.sent.lostBytes,
      unsentBytes: this.unsentBytes,
      sendWindowBytes: this.window.bytes,
      retransmissions: recovery.retransmissions,
      roundTrip: recovery.rtt.smoothed,
      retransmissionTimeout: recovery.rtt.timeout,
    }
  }

  /** The device cuts no segments any more: each is to have a header of its own. */
  cutsBeforehand(): void {
    this.#sizes.cutBeforehand()
  }

  /** Nothing is in flight, and nothing waits. */
  get idle(): boolean {
    return this.una === this.next && this.unsentBytes === 0
  }

  /** Sends all that may go out now. False: the device has refused a segment. */
  transmit(output: SegmentOutput, now: Milliseconds): boolean {
    this.#expire(now)
    const taken = this.#sendAll(output, now)
    this.recovery.transmitted(this.next)
    this.#armPersist(taken, now)
    this.recovery.arm(now)
    return taken
  }

  clear(): void {
    this.buffer.clear()
    this.recovery.clear()
    this.#persist.stop()
  }

  #expire(now: Milliseconds): void {
    const { recovery } = this
    if (now >= recovery.timerAt) {
      const { timer } = recovery
      if (timer === 'reordering') recovery.reorderingExpired(this.next, now)
      else if (timer === 'probe') this.#probeDue = true
      else {
        const { first } = recovery.sent
        // A SYN is tried for three minutes of retransmissions (RFC 9293 3.8.3, MUST-23).
        this.#unansweredSince ??= first && !first.syn ? Math.max(first.sentAt, this.#answeredAt) : now
        this.timeouts += 1
        recovery.retransmissionExpired(this.next, now)
        this.#retransmitter.firstDue = true
      }
    } else if (now >= this.#persist.wakeAt(recovery.rtt.timeout)) {
      this.#unansweredSince ??= now
      this.#persist.due = true
    }
  }

  /** False: the device takes no more. */
  #sendAll(output: SegmentOutput, now: Milliseconds): boolean {
    if (!this.#synSent) return this.#sendSegment(output, 0, true, false, now)
    if (!this.#retransmitter.sendLost(output, this.next, this.window.largest, now)) return false
    if (this.#probeDue && !this.#sendTailProbe(output, now)) return false
    this.#probeDue = false
    if (this.#open && !this.#sendNew(output, now)) return false
    return !this.#persist.due || this.#sendWindowProbe(output, now)
  }

  #sendWindowProbe(output: SegmentOutput, now: Milliseconds): boolean {
    if (!output.sendProbe(now)) return false
    this.#persist.probed(now)
    return true
  }

  #sendNew(output: SegmentOutput, now: Milliseconds): boolean {
    const { recovery } = this
    if (recovery.sent.count === 0 && now - this.#lastSentAt > recovery.rtt.timeout) recovery.congestion.restart(initialWindowBytes(this.#sizes.mss))
    while (recovery.sent.count < sentLimit) {
      const allowed = Math.min(this.#allowedByPeer, this.#allowedByPath)
      const bytes = this.#choose(allowed)
      const fin = this.#finDue && bytes === this.unsentBytes && this.#allowedByPeer > bytes
      if (bytes === 0 && !fin) return true
      if (!this.#sendSegment(output, bytes, false, fin, now)) return false
    }
    return true
  }

  get #finDue(): boolean {
    return this.#finQueued && !this.#finSent
  }

  get #allowedByPeer(): number {
    const used = seqDiff(this.next, this.una)
    return Math.min(this.window.bytes, this.#flightLimitBytes) - used
  }

  get #allowedByPath(): number {
    return this.recovery.windowBytes - this.recovery.inFlight(this.next)
  }

  /** How much the next new segment carries: 0 to wait. Avoids silly windows as RFC 9293 3.8.6.2.1 says. */
  #choose(allowed: number): number {
    const unsent = this.unsentBytes
    if (unsent === 0 || allowed <= 0) return 0
    const { largest } = this.window
    const whole = this.#sizes.full(largest)
    const bytes = Math.min(unsent, allowed, this.#sizes.largest(largest))
    if (bytes >= whole) return bytes === unsent ? bytes : bytes - (bytes % whole)
    if (bytes === unsent) {
      const waits = this.#tunables.nagle && !this.#finQueued && this.#smallInFlight
      return waits ? 0 : bytes
    }
    // RFC 9293 3.8.6.2.1, case 4: it has waited long enough.
    if (this.#persist.due) return bytes
    // The path allows less than a segment: wait for the next ACK, unless none is due.
    if (this.#allowedByPeer > allowed) return this.recovery.sent.count === 0 ? bytes : 0
    return bytes >= largest / 2 ? bytes : 0
  }

  /**
   * RFC 9293 3.7.4, with Minshall's change, which Linux has too: only another small segment in flight holds a small one back. After full ones it
   * would wait for an ACK that a peer with one odd segment delays.
   */
  get #smallInFlight(): boolean {
    return this.#smallEnd !== undefined
  }

  #sendSegment(output: SegmentOutput, bytes: number, syn: boolean, fin: boolean, now: Milliseconds): boolean {
    if (!output.sendData(this.next, bytes, syn, fin, now)) return false
    const end = seqAdd(this.next, bytes + (syn ? 1 : 0) + (fin ? 1 : 0))
    this.recovery.pushed(new SentSegment(this.next, end, syn, fin, now))
    this.next = end
    if (bytes > 0 && bytes < this.#sizes.mss) this.#smallEnd = end
    this.#synSent = true
    this.#finSent ||= fin
    this.#lastSentAt = now
    this.#persist.reset()
    return true
  }

  /** RFC 8985 7.3: a new segment if there is one and room for it, else the last one again. */
  #sendTailProbe(output: SegmentOutput, now: Milliseconds): boolean {
    const { recovery } = this
    const bytes = Math.min(this.unsentBytes, this.#sizes.mss)
    if (bytes > 0 && bytes <= this.#allowedByPeer) {
      if (!this.#sendSegment(output, bytes, false, false, now)) return false
      if (recovery.sent.last) recovery.probed(recovery.sent.last, false, now)
      return true
    }
    return this.#retransmitter.sendTail(output, now)
  }

  #armPersist(taken: boolean, now: Milliseconds): void {
    this.#persist.arm(this.#open && taken && this.recovery.sent.count === 0 && (this.unsentBytes > 0 || this.#finDue), now)
  }
}
