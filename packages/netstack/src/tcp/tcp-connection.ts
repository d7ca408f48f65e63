import type { Milliseconds, Release } from '@tunnel/flow'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import type { Deliver } from './buffer/receive-buffer.ts'
import { answerSyn, leastMss, openActively, receiveInSynSent } from './handshake.ts'
import type { KeepAliveTimer } from './keep-alive-timer.ts'
import { receiveSynchronized } from './segment-arrival.ts'
import { SegmentWriter } from './segment-writer.ts'
import { seqLess, seqLessOrEqual, type Seq } from './seq.ts'
import { Tcb } from './tcb.ts'
import type { EmitSegment, TcpConnectionOptions, TcpTunables } from './tcp-connection-options.ts'
import type { TcpInfo } from './tcp-info.ts'
import type { TcpReports } from './tcp-report.ts'
import type { TcpFailure, TcpState } from './tcp-state.ts'
import type { UrgentPointers } from './urgent.ts'

/** Timeouts for the same data that the program is told of: R1 (RFC 9293 SHLD-10). */
const reportedTimeouts = 3

/**
 * One TCP connection (RFC 9293): segments and the time go in, segments and the next time to wake up come out. It has no
 * clock, no timer, no socket and no randomness, so whole conversations run in virtual time. Here are the calls of its user and its timers;
 * what comes is in `handshake.ts` and `segment-arrival.ts`, what goes out in `segment-writer.ts`.
 */
export class TcpConnection {
  readonly #tcb: Tcb
  readonly #writer: SegmentWriter
  /** The device has refused a segment: it is not asked before. */
  #refusedUntil: Milliseconds | undefined

  constructor(options: TcpConnectionOptions) {
    const { localPort, remotePort } = options
    this.#tcb = new Tcb(options)
    this.#writer = new SegmentWriter(this.#tcb, localPort, remotePort)
  }

  get state(): TcpState {
    return this.#tcb.state
  }

  get failure(): TcpFailure | undefined {
    return this.#tcb.failure
  }

  get tunables(): TcpTunables {
    return this.#tcb.tunables
  }

  get reports(): TcpReports {
    return this.#tcb.reports
  }

  get urgent(): UrgentPointers {
    return this.#tcb.urgent
  }

  get established(): boolean {
    return this.#tcb.established
  }

  /** Both halves have ended in order. */
  get finished(): boolean {
    return this.#tcb.sender.finished && this.#tcb.receiver.finished
  }

  get unsentBytes(): number {
    return this.#tcb.sender.unsentBytes
  }

  /** Data of the largest segment that the peer and the path take. */
  get mss(): number {
    return this.#tcb.sender.mss
  }

  get readableBytes(): number {
    return this.#tcb.receiver.readable
  }

  /** The peer's FIN has come, after all its data. */
  get peerFinished(): boolean {
    return this.#tcb.receiver.finished
  }

  get retransmissions(): number {
    return this.#tcb.sender.recovery.retransmissions
  }

  /** Smoothed round trip; undefined before the first is measured. */
  get roundTrip(): Milliseconds | undefined {
    return this.#tcb.sender.recovery.rtt.smoothed
  }

  info(): TcpInfo {
    return { ...this.#tcb.sender.info(), state: this.state, unreadBytes: this.#tcb.receiver.readable }
  }

  /** RFC 9293 3.10.1, active: our SYN goes out next. */
  open(): void {
    openActively(this.#tcb)
  }

  /** RFC 9293 3.10.7.2, third: answers `syn`. Its data, if any, will come again. */
  accept(syn: Segment, now: Milliseconds): void {
    answerSyn(this.#tcb, syn, now)
  }

  /** Takes all of `chunk`; after `finish`, and when the connection is over, it is given back unsent. */
  write(chunk: Uint8Array, release: Release | undefined): void {
    if (!this.#tcb.over && !this.#tcb.sender.finQueued) this.#tcb.sender.write(chunk, release)
    else release?.()
  }

  /** RFC 9293 3.10.4: a FIN follows what was written. */
  finish(): void {
    this.#tcb.sender.finish()
  }

  /** RFC 9293 3.10.5. */
  abort(): void {
    const { state } = this
    if (state === 'CLOSED' || state === 'TIME-WAIT') return
    if (this.established || state === 'SYN-RECEIVED') this.#tcb.resetDue = { seq: this.#tcb.sender.next, withAck: true }
    this.#tcb.fail('aborted')
  }

  /** Ends it without a word: for half-open ones that make room. */
  drop(): void {
    if (this.state !== 'CLOSED') this.#tcb.fail('timeout')
  }

  /** ICMP says that the way is closed. Only a connection that is not yet one believes it (RFC 5927 4, RFC 9293 3.9.2.2). */
  unreachable(refused: boolean): void {
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECEIVED') this.#tcb.fail(refused ? 'refused' : 'unreachable')
  }

  /** The path takes segments of at most `mss` bytes, as in `TcpConnectionOptions`. */
  pathShrunk(mss: number): void {
    this.#tcb.sender.pathShrunk(Math.max(leastMss, mss) - this.#tcb.timestamps.optionBytes)
  }

  /** Whether a quoted segment of ours may really be in flight: ICMP errors are forged easily (RFC 5927 4.1). */
  isInFlight(seq: Seq): boolean {
    return seqLessOrEqual(this.#tcb.sender.una, seq) && seqLess(seq, this.#tcb.sender.next)
  }

  /** Gives out what has come in order, until `deliver` says stop. */
  read(deliver: Deliver, now: Milliseconds): void {
    this.#tcb.read(deliver, now)
  }

  /** A SYN on this pair of endpoints opens a new connection, because this one is over (RFC 6191, RFC 9293 3.10.7.4). */
  yieldsTo(syn: Segment): boolean {
    if (this.state !== 'TIME-WAIT' || (syn.flags & tcpFlag.syn) === 0 || (syn.flags & (tcpFlag.rst | tcpFlag.ack)) !== 0) return false
    const { timestamp } = syn.options
    if (timestamp && this.#tcb.timestamps.agreed) return this.#tcb.timestamps.isNewer(timestamp.value)
    return seqLess(this.#tcb.receiver.next, syn.seq)
  }

  /** `congested`: the packet was marked on its way (RFC 3168). */
  receive(segment: Segment, now: Milliseconds, congested = false): void {
    if (this.state === 'CLOSED') return
    // A packet has come through: there may be room again.
    this.#refusedUntil = undefined
    if (this.state === 'SYN-SENT') receiveInSynSent(this.#tcb, segment, now)
    else receiveSynchronized(this.#tcb, segment, congested, now)
  }

  /** Sends what is due. Afterwards `nextWake` lies in the future. */
  transmit(now: Milliseconds, emit: EmitSegment): void {
    if (this.#refusedUntil !== undefined && now < this.#refusedUntil) return
    this.#writer.emit = emit
    this.#refusedUntil = this.#transmitAll(now) ? undefined : now + 1
  }

  /** When `transmit` has something to do even if nothing is received; infinity if never. */
  nextWake(): Milliseconds {
    // What the device has refused is tried again soon, whatever else there is.
    if (this.#refusedUntil !== undefined) return this.#refusedUntil
    if (this.state === 'CLOSED') return this.#tcb.resetDue ? 0 : Number.POSITIVE_INFINITY
    const keepAliveAt = this.#activeKeepAlive?.wakeAt ?? Number.POSITIVE_INFINITY
    return Math.min(this.#tcb.sender.timerAt, this.#tcb.giveUpAt, this.#tcb.receiver.acks.wakeAt, this.#tcb.timeWaitUntil, keepAliveAt)
  }

  #transmitAll(now: Milliseconds): boolean {
    const tcb = this.#tcb
    if (!this.#writer.sendReset(now)) return false
    if (tcb.state === 'CLOSED') return true
    if (now >= tcb.timeWaitUntil) {
      tcb.close()
      return true
    }
    const keepAlive = this.#activeKeepAlive
    if (now >= tcb.giveUpAt || keepAlive?.isDead(now)) {
      // A peer that was only out of reach is to know, as with Linux. One whose data was never acknowledged hears when it speaks again.
      if (keepAlive?.isDead(now)) tcb.resetDue = { seq: tcb.sender.next, withAck: true }
      tcb.fail('timeout')
      return this.#writer.sendReset(now)
    }
    const { timeouts } = tcb.sender
    if (!tcb.sender.transmit(this.#writer, now)) return false
    if (timeouts < reportedTimeouts && tcb.sender.timeouts >= reportedTimeouts) this.#reportTimeouts(now)
    if (keepAlive?.isDue(now) && !this.#writer.sendProbe(now)) return false
    keepAlive?.probed(now)
    return !tcb.receiver.acks.isDue(now) || this.#writer.sendAck(now)
  }

  /** Only where nothing is in flight: retransmissions and window probes ask as well (RFC 9293 MUST-26). */
  get #activeKeepAlive(): KeepAliveTimer | undefined {
    return this.established && this.#tcb.sender.idle ? this.#tcb.keepAlive : undefined
  }

  #reportTimeouts(now: Milliseconds): void {
    const { reports, sender } = this.#tcb
    reports.add({ kind: 'retransmissions', count: sender.timeouts, since: now - sender.unansweredSince })
  }
}
