import type { Milliseconds } from '@tunnel/flow'
import { noTcpOptions, type TcpOptions } from '../wire/tcp-options.ts'
import type { Deliver } from './buffer/receive-buffer.ts'
import { ChallengeLimit } from './challenge-limit.ts'
import { Ecn } from './ecn.ts'
import { KeepAliveTimer } from './keep-alive-timer.ts'
import { Receiver } from './receiver.ts'
import { Sender } from './sender.ts'
import type { Seq } from './seq.ts'
import type { TcpConnectionOptions, TcpTunables } from './tcp-connection-options.ts'
import { TcpReports } from './tcp-report.ts'
import { receiveBufferOf, type TcpSettings } from './tcp-settings.ts'
import type { TcpFailure, TcpState } from './tcp-state.ts'
import { Timestamps } from './timestamps.ts'
import { UrgentPointers } from './urgent.ts'

/** Of a peer that names no size (RFC 9293 MUST-15). */
const smallestUsualMss = 536

/** The transmission control block of one connection (RFC 9293 3.3.1): all that it knows of itself, and the ways in which it ends. */
export class Tcb {
  state: TcpState = 'CLOSED'
  failure: TcpFailure | undefined
  readonly settings: TcpSettings
  readonly tunables: TcpTunables
  readonly sender: Sender
  readonly receiver: Receiver
  readonly timestamps: Timestamps
  readonly ecn: Ecn
  readonly keepAlive: KeepAliveTimer | undefined
  readonly reports = new TcpReports()
  /** Both are made when they are needed: most connections have no use for them. */
  #urgent: UrgentPointers | undefined
  #challenges: ChallengeLimit | undefined
  /** What we offer, and what a peer takes that offers nothing. */
  readonly mss: number
  readonly defaultPeerMss: number
  /** We answered a SYN: it was a passive open. */
  passive = false
  /** IRS */
  peerInitial = 0 as Seq
  /** Options of our SYN. */
  offered: TcpOptions = noTcpOptions
  sackAgreed = false
  /** Snd.Wind.Shift */
  peerShift = 0
  timeWaitUntil: Milliseconds = Number.POSITIVE_INFINITY
  /** A reset that goes out next: its number, and whether it acknowledges. */
  resetDue: { readonly seq: Seq; readonly withAck: boolean } | undefined
  /** CLOSED for good, not before the beginning. */
  over = false

  constructor(options: TcpConnectionOptions) {
    const { pool, settings, mss } = options
    this.settings = settings
    this.mss = mss
    this.defaultPeerMss = options.defaultPeerMss ?? smallestUsualMss
    this.tunables = { nagle: settings.nagle, giveUpAfter: settings.giveUpAfter }
    this.ecn = new Ecn(settings.ecn)
    this.keepAlive = settings.keepAlive ? new KeepAliveTimer(settings.keepAlive, options.now) : undefined
    this.sender = new Sender({
      pool,
      initialSequence: options.initialSequence,
      createCongestion: settings.createCongestion,
      mss,
      offloadBytes: options.offloadBytes,
      flightLimitBytes: settings.flightLimitBytes,
      tunables: this.tunables,
    })
    this.receiver = new Receiver(pool, receiveBufferOf(settings, mss), mss)
    this.timestamps = new Timestamps(options.timestampOffset, options.now)
  }

  /** Both ends have said SYN, and ours is acknowledged. */
  get established(): boolean {
    return this.state !== 'CLOSED' && this.state !== 'SYN-SENT' && this.state !== 'SYN-RECEIVED'
  }

  get urgent(): UrgentPointers {
    return (this.#urgent ??= new UrgentPointers(this.sender, this.receiver, this.reports))
  }

  /** Of a segment of ours that begins at `seq`; 0 without URG. */
  urgentPointer(seq: Seq): number {
    return this.#urgent?.pointer(seq) ?? 0
  }

  /** Gives out what has come in order, until `deliver` says stop. */
  read(deliver: Deliver, now: Milliseconds): void {
    this.receiver.read(deliver, this.sender.recovery.rtt.smoothed ?? 0, now)
    this.#urgent?.read()
  }

  /** RFC 9293 3.8.3: when a peer who answers nothing is given up. */
  get giveUpAt(): Milliseconds {
    return this.sender.unansweredSince + (this.established ? this.tunables.giveUpAfter : this.settings.giveUpConnectAfter)
  }

  /** Asks the peer what he knows, where a segment may be forged; not without end (RFC 5961). */
  challenge(now: Milliseconds): void {
    if (this.#mayChallenge(now)) this.receiver.acks.now()
  }

  /** Our SYN goes out again. `asked`: by a segment that anybody may have sent. */
  repeatSyn(asked: boolean, now: Milliseconds): void {
    const { sent } = this.sender.recovery
    if (sent.first && (!asked || this.#mayChallenge(now))) sent.markLost(sent.first)
  }

  /** Our FIN has gone out. */
  finSent(): void {
    if (this.state === 'ESTABLISHED') this.state = 'FIN-WAIT-1'
    else if (this.state === 'CLOSE-WAIT') this.state = 'LAST-ACK'
  }

  finAcknowledged(now: Milliseconds): void {
    if (this.state === 'FIN-WAIT-1') this.state = 'FIN-WAIT-2'
    else if (this.state === 'CLOSING') this.#waitTime(now)
    else if (this.state === 'LAST-ACK') this.close()
  }

  /** The peer's FIN has come, and all before it. */
  finReceived(now: Milliseconds): void {
    if (this.state === 'ESTABLISHED') this.state = 'CLOSE-WAIT'
    else if (this.state === 'FIN-WAIT-2') this.#waitTime(now)
    else if (this.state === 'FIN-WAIT-1') this.state = 'CLOSING'
  }

  close(): void {
    this.state = 'CLOSED'
    this.over = true
    this.timeWaitUntil = Number.POSITIVE_INFINITY
    this.sender.clear()
  }

  fail(failure: TcpFailure): void {
    this.failure ??= failure
    this.close()
    this.receiver.clear()
  }

  #mayChallenge(now: Milliseconds): boolean {
    return (this.#challenges ??= new ChallengeLimit()).take(now)
  }

  #waitTime(now: Milliseconds): void {
    this.state = 'TIME-WAIT'
    this.timeWaitUntil = now + this.settings.timeWait
    this.sender.clear()
  }
}
