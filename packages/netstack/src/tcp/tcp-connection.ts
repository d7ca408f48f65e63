import type { Milliseconds, Release } from '@tunnel/flow'
import { noTcpOptions, type SackBlock, type TcpOptions } from '../wire/tcp-options.ts'
import { tcpFlag, type Segment, type SegmentHeader } from '../wire/tcp-segment.ts'
import type { Deliver } from './buffer/receive-buffer.ts'
import { ChallengeLimit } from './challenge-limit.ts'
import { Ecn } from './ecn.ts'
import { KeepAliveTimer } from './keep-alive-timer.ts'
import { Receiver } from './receiver.ts'
import type { SegmentOutput } from './segment-output.ts'
import { Sender } from './sender.ts'
import { seqAdd, seqLess, seqLessOrEqual, type Seq } from './seq.ts'
import type { EmitSegment, TcpConnectionOptions, TcpTunables } from './tcp-connection-options.ts'
import type { TcpInfo } from './tcp-info.ts'
import { TcpReports } from './tcp-report.ts'
import { receiveBufferOf, synOffer, type TcpSettings } from './tcp-settings.ts'
import type { TcpFailure, TcpState } from './tcp-state.ts'
import { Timestamps } from './timestamps.ts'
import { UrgentPointers } from './urgent.ts'

/** Smaller ones are not believed: a packet per byte would cost us more than them. */
const leastMss = 64
/** Timeouts for the same data that the program is told of: R1 (RFC 9293 SHLD-10). */
const reportedTimeouts = 3
const noParts: readonly Uint8Array[] = []
const noBlocks: readonly SackBlock[] = []

/**
 * One TCP connection (RFC 9293): segments and the time go in, segments and the next time to wake up come out. It has no
 * clock, no timer, no socket and no randomness, so whole conversations run in virtual time. `receive` follows 3.10.7 step by step.
 */
export class TcpConnection implements SegmentOutput {
  state: TcpState = 'CLOSED'
  failure: TcpFailure | undefined
  readonly tunables: TcpTunables
  readonly reports = new TcpReports()
  readonly urgent: UrgentPointers
  readonly #options: TcpConnectionOptions
  readonly #settings: TcpSettings
  readonly #sender: Sender
  readonly #receiver: Receiver
  readonly #timestamps: Timestamps
  readonly #challenges = new ChallengeLimit()
  readonly #keepAlive: KeepAliveTimer | undefined
  readonly #ecn: Ecn
  /** We answered a SYN: it was a passive open. */
  #passive = false
  /** IRS */
  #peerInitial = 0 as Seq
  #offered: TcpOptions = noTcpOptions
  #sackAgreed = false
  /** Snd.Wind.Shift */
  #peerShift = 0
  #timeWaitUntil: Milliseconds = Number.POSITIVE_INFINITY
  /** A reset that goes out next: its number, and whether it acknowledges. */
  #resetDue: { readonly seq: Seq; readonly withAck: boolean } | undefined
  #refusedUntil: Milliseconds | undefined
  /** CLOSED for good, not before the beginning. */
  #over = false
  #emit: EmitSegment = () => false

  constructor(options: TcpConnectionOptions) {
    const { pool, settings, mss } = options
    this.#options = options
    this.#settings = settings
    this.tunables = { nagle: settings.nagle, giveUpAfter: settings.giveUpAfter }
    this.#ecn = new Ecn(settings.ecn)
    this.#sender = new Sender({
      pool,
      initialSequence: options.initialSequence,
      createCongestion: settings.createCongestion,
      mss,
      offloadBytes: options.offloadBytes,
      flightLimitBytes: settings.flightLimitBytes,
      tunables: this.tunables,
    })
    this.#receiver = new Receiver(pool, receiveBufferOf(settings, mss), mss)
    this.urgent = new UrgentPointers(this.#sender, this.#receiver, this.reports)
    this.#timestamps = new Timestamps(options.timestampOffset, options.now)
    if (settings.keepAlive) this.#keepAlive = new KeepAliveTimer(settings.keepAlive, options.now)
  }

  /** Both ends have said SYN, and ours is acknowledged. */
  get established(): boolean {
    return this.state !== 'CLOSED' && this.state !== 'SYN-SENT' && this.state !== 'SYN-RECEIVED'
  }

  /** Both halves have ended in order. */
  get finished(): boolean {
    return this.#sender.finished && this.#receiver.finished
  }

  get unsentBytes(): number {
    return this.#sender.unsentBytes
  }

  /** Data of the largest segment that the peer and the path take. */
  get mss(): number {
    return this.#sender.mss
  }

  get readableBytes(): number {
    return this.#receiver.readable
  }

  /** The peer's FIN has come, after all its data. */
  get peerFinished(): boolean {
    return this.#receiver.finished
  }

  get retransmissions(): number {
    return this.#sender.recovery.retransmissions
  }

  /** Smoothed round trip; undefined before the first is measured. */
  get roundTrip(): Milliseconds | undefined {
    return this.#sender.recovery.rtt.smoothed
  }

  info(): TcpInfo {
    return { ...this.#sender.info(), state: this.state, unreadBytes: this.#receiver.readable }
  }

  /** RFC 9293 3.10.1, active: our SYN goes out next. */
  open(): void {
    this.state = 'SYN-SENT'
    this.#offered = this.#synOptions(undefined)
  }

  /** RFC 9293 3.10.7.2, third: answers `syn`. Its data, if any, will come again. */
  accept(syn: Segment, now: Milliseconds): void {
    this.#passive = true
    this.state = 'SYN-RECEIVED'
    this.#receiveSyn(syn, now)
    this.#ecn.asked(syn.flags)
    this.#offered = this.#synOptions(syn.options)
  }

  /** Takes all of `chunk`; after `finish`, and when the connection is over, it is given back unsent. */
  write(chunk: Uint8Array, release: Release | undefined): void {
    if (!this.#over && !this.#sender.finQueued) this.#sender.write(chunk, release)
    else release?.()
  }

  /** RFC 9293 3.10.4: a FIN follows what was written. */
  finish(): void {
    this.#sender.finish()
  }

  /** RFC 9293 3.10.5. */
  abort(): void {
    const { state } = this
    if (state === 'CLOSED' || state === 'TIME-WAIT') return
    if (this.established || state === 'SYN-RECEIVED') this.#resetDue = { seq: this.#sender.next, withAck: true }
    this.#fail('aborted')
  }

  /** Ends it without a word: for half-open ones that make room. */
  drop(): void {
    if (this.state !== 'CLOSED') this.#fail('timeout')
  }

  /** ICMP says that the way is closed. Only a connection that is not yet one believes it (RFC 5927 4, RFC 9293 3.9.2.2). */
  unreachable(refused: boolean): void {
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECEIVED') this.#fail(refused ? 'refused' : 'unreachable')
  }

  /** The path takes segments of at most `mss` bytes, as in `TcpConnectionOptions`. */
  pathShrunk(mss: number): void {
    this.#sender.pathShrunk(Math.max(leastMss, mss) - this.#timestamps.optionBytes)
  }

  /** Whether a quoted segment of ours may really be in flight: ICMP errors are forged easily (RFC 5927 4.1). */
  isInFlight(seq: Seq): boolean {
    return seqLessOrEqual(this.#sender.una, seq) && seqLess(seq, this.#sender.next)
  }

  /** Gives out what has come in order, until `deliver` says stop. */
  read(deliver: Deliver, now: Milliseconds): void {
    this.#receiver.read(deliver, this.roundTrip ?? 0, now)
  }

  /** A SYN on this pair of endpoints opens a new connection, because this one is over (RFC 6191, RFC 9293 3.10.7.4). */
  yieldsTo(syn: Segment): boolean {
    if (this.state !== 'TIME-WAIT' || (syn.flags & tcpFlag.syn) === 0 || (syn.flags & (tcpFlag.rst | tcpFlag.ack)) !== 0) return false
    const { timestamp } = syn.options
    if (timestamp && this.#timestamps.agreed) return this.#timestamps.isNewer(timestamp.value)
    return seqLess(this.#receiver.next, syn.seq)
  }

  /** `congested`: the packet was marked on its way (RFC 3168). */
  receive(segment: Segment, now: Milliseconds, congested = false): void {
    if (this.state === 'CLOSED') return
    this.#keepAlive?.heard(now)
    // A packet has come through: there may be room again.
    this.#refusedUntil = undefined
    if (this.state === 'SYN-SENT') this.#receiveInSynSent(segment, now)
    else this.#receiveSynchronized(segment, congested, now)
  }

  /** Sends what is due. Afterwards `nextWake` lies in the future. */
  transmit(now: Milliseconds, emit: EmitSegment): void {
    if (this.#refusedUntil !== undefined && now < this.#refusedUntil) return
    this.#emit = emit
    this.#refusedUntil = this.#transmitAll(now) ? undefined : now + 1
  }

  /** When `transmit` has something to do even if nothing is received; infinity if never. */
  nextWake(): Milliseconds {
    // What the device has refused is tried again soon, whatever else there is.
    if (this.#refusedUntil !== undefined) return this.#refusedUntil
    if (this.state === 'CLOSED') return this.#resetDue ? 0 : Number.POSITIVE_INFINITY
    const keepAliveAt = this.#activeKeepAlive?.wakeAt ?? Number.POSITIVE_INFINITY
    return Math.min(this.#sender.timerAt, this.#giveUpAt, this.#receiver.acks.wakeAt, this.#timeWaitUntil, keepAliveAt)
  }

  /** RFC 9293 3.8.3: when a peer who answers nothing is given up. */
  get #giveUpAt(): Milliseconds {
    return this.#sender.unansweredSince + (this.established ? this.tunables.giveUpAfter : this.#settings.giveUpConnectAfter)
  }

  /** RFC 9293 3.10.7.3. */
  #receiveInSynSent(segment: Segment, now: Milliseconds): void {
    const { flags, ack } = segment
    const hasAck = (flags & tcpFlag.ack) !== 0
    // First: an ACK of what we have not sent.
    if (hasAck && !(seqLess(this.#sender.una, ack) && seqLessOrEqual(ack, this.#sender.next))) {
      if ((flags & tcpFlag.rst) === 0) this.#resetDue = { seq: ack, withAck: false }
      return
    }
    // Second: a reset counts only with that ACK, or anybody could send it (RFC 5961 3).
    if ((flags & tcpFlag.rst) !== 0) {
      if (hasAck) this.#fail('refused')
      return
    }
    // Fourth: the SYN.
    if ((flags & tcpFlag.syn) === 0) return
    this.#receiveSyn(segment, now)
    if (hasAck) this.#ecn.answered(flags)
    else this.#ecn.asked(flags)
    if (!hasAck) {
      // Both have opened at once: our SYN goes out again, now with an ACK.
      this.state = 'SYN-RECEIVED'
      this.#offered = this.#synOptions(segment.options)
      const { first } = this.#sender.recovery.sent
      if (first) this.#sender.recovery.sent.markLost(first)
      return
    }
    this.#sender.acknowledge(ack, noBlocks, this.#timestamps.echoedAt(segment, now), false, now)
    this.#establish(segment.window, segment)
    this.#receiver.acks.now()
    this.#receiveText(segment, seqAdd(segment.seq, 1), now)
  }

  /** RFC 9293 3.10.7.4, with what RFC 5961 and RFC 7323 put in its way. */
  #receiveSynchronized(segment: Segment, congested: boolean, now: Milliseconds): void {
    if (!this.#checkTimestamp(segment, now)) return
    if (!this.#checkSequence(segment, now)) return
    // Second: RST.
    if ((segment.flags & tcpFlag.rst) !== 0) {
      // RFC 5961 3.2: only the very next number resets; another one in the window is asked back.
      if (segment.seq === this.#receiver.next) this.#fail(this.state === 'SYN-RECEIVED' && !this.#passive ? 'refused' : 'reset')
      else this.#challenge(now)
      return
    }
    // Fourth: SYN. RFC 5961 4.2: asked back, whatever its number.
    if ((segment.flags & tcpFlag.syn) !== 0) {
      this.#challenge(now)
      return
    }
    // Fifth: ACK.
    if ((segment.flags & tcpFlag.ack) === 0 || !this.#checkAck(segment, now)) return
    this.#takeTimestamp(segment, now)
    if (this.#ecn.received(segment.flags, congested && segment.payload.length > 0)) this.#receiver.acks.now()
    // Sixth: URG.
    if ((segment.flags & tcpFlag.urg) !== 0) this.urgent.receive(segment)
    this.#receiveText(segment, segment.seq, now)
  }

  /** RFC 7323 5.3, R1: before all other checks. */
  #checkTimestamp({ options, flags, payload, seq }: Segment, now: Milliseconds): boolean {
    if (!this.#timestamps.agreed || (flags & tcpFlag.rst) !== 0) return true
    // RFC 7323 3.2: without the option that was agreed on it is not from this connection.
    if (!options.timestamp) return false
    if (!this.#timestamps.isOld(options.timestamp.value, now)) return true
    if ((flags & tcpFlag.syn) === 0) this.#answerUnacceptable(seq, payload.length, flags, now)
    else this.#challenge(now)
    return false
  }

  /** RFC 7323 5.3, R3: not before all other checks, or one segment from nowhere would make all that follow look old. */
  #takeTimestamp({ options, seq }: Segment, now: Milliseconds): void {
    if (options.timestamp && this.#timestamps.agreed) this.#timestamps.update(options.timestamp.value, seq, now)
  }

  /** First: something of the segment must lie in the window. */
  #checkSequence(segment: Segment, now: Milliseconds): boolean {
    const { seq, payload, flags } = segment
    if (this.#receiver.accepts(seq, payload.length)) return true
    if ((flags & tcpFlag.rst) !== 0) return false
    if (this.state === 'SYN-RECEIVED' && (flags & tcpFlag.syn) !== 0 && seq === this.#peerInitial && (flags & tcpFlag.ack) === 0) {
      // The SYN once more: our answer was lost.
      const { first } = this.#sender.recovery.sent
      if (first && this.#challenges.take(now)) this.#sender.recovery.sent.markLost(first)
      return false
    }
    // Sent again because our ACK was lost: its own ACK, and its time, may be news all the same. As hard to forge as what lies in the window.
    if (this.established && this.#isRepeated(segment) && this.#sender.isAcceptableAck(segment.ack)) {
      this.#takeTimestamp(segment, now)
      if (seqLess(this.#sender.una, segment.ack)) this.#checkAck(segment, now)
    }
    if (this.state === 'CLOSED') return false
    if (this.state === 'TIME-WAIT' && (flags & tcpFlag.fin) !== 0) this.#timeWaitUntil = now + this.#settings.timeWait
    this.#answerUnacceptable(seq, payload.length, flags, now)
    return false
  }

  /** It has text or a FIN, all of which has come, and from less than a window before. */
  #isRepeated({ seq, payload, flags }: Segment): boolean {
    if ((flags & (tcpFlag.syn | tcpFlag.ack)) !== tcpFlag.ack || (payload.length === 0 && (flags & tcpFlag.fin) === 0)) return false
    const { next, window } = this.#receiver
    return seqLess(seq, next) && seqLessOrEqual(seqAdd(next, -window.limitBytes), seq)
  }

  /** What may be a retransmission is always answered, the rest not without end. */
  #answerUnacceptable(seq: Seq, textLength: number, flags: number, now: Milliseconds): void {
    if (textLength > 0 && seqLess(seq, this.#receiver.next)) this.#receiver.repeated(seq, textLength)
    else if (textLength > 0 || (flags & tcpFlag.fin) !== 0) this.#receiver.acks.now()
    else this.#challenge(now)
  }

  #challenge(now: Milliseconds): void {
    if (this.#challenges.take(now)) this.#receiver.acks.now()
  }

  /** Fifth: false if the segment is done with. */
  #checkAck(segment: Segment, now: Milliseconds): boolean {
    const { ack, seq, payload, options } = segment
    const sender = this.#sender
    if (this.state === 'SYN-RECEIVED') {
      if (!(seqLess(sender.una, ack) && seqLessOrEqual(ack, sender.next))) {
        this.#resetDue = { seq: ack, withAck: false }
        return false
      }
      this.#establish(segment.window * 2 ** this.#peerShift, segment)
    }
    // RFC 5961 5.2: neither what was never sent nor what is older than any window.
    if (!sender.isAcceptableAck(ack)) {
      this.#challenge(now)
      return false
    }
    if (seqLess(ack, sender.una)) return true
    const changed = sender.updateWindow(segment.window * 2 ** this.#peerShift, seq, ack)
    const bare = payload.length === 0 && (segment.flags & tcpFlag.fin) === 0 && !changed && ack === sender.una
    sender.acknowledge(ack, this.#sackAgreed ? options.sack : noBlocks, this.#timestamps.echoedAt(segment, now), bare, now)
    if (this.#ecn.isEcho(segment.flags)) sender.recovery.marked(sender.next, now)
    if (sender.finished) this.#ownFinAcknowledged(now)
    return this.state !== 'CLOSED'
  }

  #ownFinAcknowledged(now: Milliseconds): void {
    if (this.state === 'FIN-WAIT-1') this.state = 'FIN-WAIT-2'
    else if (this.state === 'CLOSING') this.#waitTime(now)
    else if (this.state === 'LAST-ACK') this.#close()
  }

  /** Seventh and eighth: text and FIN. */
  #receiveText({ payload, flags }: Segment, seq: Seq, now: Milliseconds): void {
    const { state } = this
    if (state !== 'ESTABLISHED' && state !== 'FIN-WAIT-1' && state !== 'FIN-WAIT-2') {
      // Only a retransmission can come after their FIN.
      if (payload.length > 0 || (flags & tcpFlag.fin) !== 0) this.#receiver.acks.now()
      return
    }
    const fin = (flags & tcpFlag.fin) !== 0
    if (payload.length > 0 || fin) this.#receiver.receive(seq, payload, fin, now)
    if (!this.#receiver.finished) return
    if (state === 'ESTABLISHED') this.state = 'CLOSE-WAIT'
    else if (state === 'FIN-WAIT-2') this.#waitTime(now)
    else this.state = 'CLOSING'
  }

  #receiveSyn({ seq, options, window }: Segment, now: Milliseconds): void {
    const { settings } = this.#options
    this.#peerInitial = seq
    if (settings.timestamps && options.timestamp) this.#timestamps.start(options.timestamp.value, now)
    this.#receiver.start(seq, this.#options.mss - this.#timestamps.optionBytes)
    if (settings.windowScaling && options.windowScale !== undefined) {
      this.#peerShift = options.windowScale
      this.#receiver.window.shift = this.#receiver.window.offeredShift
    }
    this.#sackAgreed = settings.sack && options.sackPermitted
    const mss = Math.max(leastMss, Math.min(options.mss ?? this.#options.defaultPeerMss ?? 536, this.#options.mss))
    this.#sender.negotiated(mss - this.#timestamps.optionBytes, this.#sackAgreed)
    this.#sender.window.bytes = window
  }

  #establish(window: number, { seq, ack }: SegmentHeader): void {
    this.state = 'ESTABLISHED'
    this.#sender.established(window, seq, ack)
  }

  #synOptions(peer: TcpOptions | undefined): TcpOptions {
    return synOffer(this.#settings, this.#options.mss, this.#receiver.window.offeredShift, peer)
  }

  #transmitAll(now: Milliseconds): boolean {
    if (this.#resetDue && !this.#sendReset(now)) return false
    if (this.state === 'CLOSED') return true
    if (now >= this.#timeWaitUntil) {
      this.#close()
      return true
    }
    const keepAlive = this.#activeKeepAlive
    if (now >= this.#giveUpAt || keepAlive?.isDead(now)) {
      // A peer that was only out of reach is to know, as with Linux. One whose data was never acknowledged hears when it speaks again.
      if (keepAlive?.isDead(now)) this.#resetDue = { seq: this.#sender.next, withAck: true }
      this.#fail('timeout')
      return this.#sendReset(now)
    }
    const { timeouts } = this.#sender
    if (!this.#sender.transmit(this, now)) return false
    if (timeouts < reportedTimeouts && this.#sender.timeouts >= reportedTimeouts) this.#reportTimeouts(now)
    if (keepAlive?.isDue(now) && !this.sendProbe(now)) return false
    keepAlive?.probed(now)
    return !this.#receiver.acks.isDue(now) || this.#sendAck(now)
  }

  /** Only where nothing is in flight: retransmissions and window probes ask as well (RFC 9293 MUST-26). */
  get #activeKeepAlive(): KeepAliveTimer | undefined {
    return this.#keepAlive && this.established && this.#sender.idle ? this.#keepAlive : undefined
  }

  #reportTimeouts(now: Milliseconds): void {
    this.reports.add({ kind: 'retransmissions', count: this.#sender.timeouts, since: now - this.#sender.unansweredSince })
  }

  sendData(seq: Seq, length: number, syn: boolean, fin: boolean, now: Milliseconds): boolean {
    const parts: Uint8Array[] = []
    if (length > 0) this.#sender.buffer.view(syn ? seqAdd(seq, 1) : seq, length, parts)
    const acks = this.state !== 'SYN-SENT'
    const last = length > 0 && seqAdd(seq, length) === this.#sender.buffer.end
    const flags = (acks ? tcpFlag.ack : 0) | (syn ? tcpFlag.syn : 0) | (fin ? tcpFlag.fin : 0) | (last ? tcpFlag.psh : 0)
    const options = syn ? this.#timestamps.stamped(this.#offered, now) : this.#timestamps.options(noBlocks, now)
    const { recovery, next } = this.#sender
    const isNewData = length > 0 && seq === next
    const ecnFlags = syn ? this.#ecn.synFlags(acks, recovery.sent.count === 0) : isNewData ? this.#ecn.dataFlags(recovery.reductions) : this.#ecn.ackFlags
    // RFC 3168 6.1.5: what is sent again may not be marked.
    if (!this.#send(seq, flags | ecnFlags, options, parts, length, isNewData && this.#ecn.agreed)) return false
    if (isNewData) this.#ecn.dataSent(recovery.reductions)
    if (fin && this.state === 'ESTABLISHED') this.state = 'FIN-WAIT-1'
    else if (fin && this.state === 'CLOSE-WAIT') this.state = 'LAST-ACK'
    // A full segment has no room for SACK blocks: they follow in an ACK of their own.
    if (acks && (syn || !this.#receiver.hasSackBlocks)) this.#receiver.acks.sent()
    return true
  }

  sendProbe(now: Milliseconds): boolean {
    return this.#send(seqAdd(this.#sender.next, -1), tcpFlag.ack | this.#ecn.ackFlags, this.#timestamps.options(noBlocks, now), noParts, 0)
  }

  #sendAck(now: Milliseconds): boolean {
    const blocks = this.#sackAgreed ? this.#receiver.takeSackBlocks(this.#timestamps.agreed ? 3 : 4) : noBlocks
    if (!this.#send(this.#sender.next, tcpFlag.ack | this.#ecn.ackFlags, this.#timestamps.options(blocks, now), noParts, 0)) return false
    this.#receiver.acks.sent()
    return true
  }

  #sendReset(now: Milliseconds): boolean {
    if (!this.#resetDue) return true
    const { seq, withAck } = this.#resetDue
    const flags = tcpFlag.rst | (withAck ? tcpFlag.ack : 0)
    if (!this.#send(seq, flags, withAck ? this.#timestamps.options(noBlocks, now) : noTcpOptions, noParts, 0)) return false
    this.#resetDue = undefined
    return true
  }

  #send(seq: Seq, flags: number, options: TcpOptions, parts: readonly Uint8Array[], payloadBytes: number, capable = false): boolean {
    const acks = (flags & tcpFlag.ack) !== 0
    const ack = acks ? this.#receiver.next : (0 as Seq)
    const window = this.#receiver.advertise((flags & tcpFlag.syn) !== 0)
    const { localPort, remotePort } = this.#options
    const urgent = acks ? this.urgent.pointer(seq) : 0
    const allFlags = urgent > 0 ? flags | tcpFlag.urg : flags
    const header: SegmentHeader = { sourcePort: localPort, destinationPort: remotePort, seq, ack, flags: allFlags, window, urgent, options }
    if (!this.#emit(header, parts, payloadBytes, capable)) return false
    if (acks) this.#timestamps.ackSent(ack)
    return true
  }

  #waitTime(now: Milliseconds): void {
    this.state = 'TIME-WAIT'
    this.#timeWaitUntil = now + this.#settings.timeWait
    this.#sender.clear()
  }

  #close(): void {
    this.state = 'CLOSED'
    this.#over = true
    this.#timeWaitUntil = Number.POSITIVE_INFINITY
    this.#sender.clear()
  }

  #fail(failure: TcpFailure): void {
    this.failure ??= failure
    this.#close()
    this.#receiver.clear()
  }
}
