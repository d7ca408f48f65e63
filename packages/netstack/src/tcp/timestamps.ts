import type { Milliseconds } from '@tunnel/flow'
import { noTcpOptions, type SackBlock, type TcpOptions, type TcpTimestamp } from '../wire/tcp-options.ts'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import { seqLessOrEqual, type Seq } from './seq.ts'

/** After so long without a segment TS.Recent says nothing: the peer's clock may have gone half round (RFC 7323 5.5). */
const recentLife = 24 * 24 * 3_600_000

/** The option and two bytes that align it. */
const timestampBytes = 12

/** The timestamps option (RFC 7323 3): ours tick in milliseconds from a random origin, so that they do not tell how long we run. */
export class Timestamps {
  /** Both ends have offered them (RFC 7323 3.2). */
  agreed = false
  readonly #offset: number
  readonly #since: Milliseconds
  /** TS.Recent and when it was taken. */
  #recent = 0
  #recentAt: Milliseconds = Number.NEGATIVE_INFINITY
  /** Last.ACK.sent */
  #lastAckSent: Seq | undefined

  /** `since`: no segment of ours is older. */
  constructor(offset: number, since: Milliseconds) {
    this.#offset = offset | 0
    this.#since = Math.floor(since)
  }

  /** TSval, at `now`. */
  value(now: Milliseconds): number {
    return (Math.floor(now) + this.#offset) | 0
  }

  /** What the next segment carries. */
  next(now: Milliseconds): TcpTimestamp {
    return { value: this.value(now), echo: this.#recent }
  }

  /** What the option takes of every segment. */
  get optionBytes(): number {
    return this.agreed ? timestampBytes : 0
  }

  /** The options of a segment that is no SYN. */
  options(sack: readonly SackBlock[], now: Milliseconds): TcpOptions {
    const timestamp = this.agreed ? this.next(now) : undefined
    return timestamp || sack.length > 0 ? { mss: undefined, windowScale: undefined, sackPermitted: false, sack, timestamp } : noTcpOptions
  }

  /** Those of a SYN, with the time if it offers that. */
  stamped(offer: TcpOptions, now: Milliseconds): TcpOptions {
    return offer.timestamp ? { ...offer, timestamp: this.next(now) } : offer
  }

  /** The peer's first. */
  start(value: number, now: Milliseconds): void {
    this.agreed = true
    this.#recent = value
    this.#recentAt = now
  }

  ackSent(ack: Seq): void {
    this.#lastAckSent = ack
  }

  /** RFC 7323 5.3, R1: the segment is older than what we have: a duplicate from a lap before. */
  isOld(value: number, now: Milliseconds): boolean {
    return now - this.#recentAt < recentLife && ((value - this.#recent) | 0) < 0
  }

  /** RFC 7323 4.3, (2): taken only from a segment that the next ACK answers. */
  update(value: number, seq: Seq, now: Milliseconds): void {
    if (this.isOld(value, now)) return
    if (this.#lastAckSent !== undefined && !seqLessOrEqual(seq, this.#lastAckSent)) return
    this.#recent = value
    this.#recentAt = now
  }

  /** When we sent what a segment echoes; undefined where that cannot be. */
  sentAt(echo: number, now: Milliseconds): Milliseconds | undefined {
    const age = (this.value(now) - echo) | 0
    const sentAt = Math.floor(now) - age
    return age < 0 || sentAt < this.#since ? undefined : sentAt
  }

  /** The same for a segment; undefined where it echoes nothing. */
  echoedAt({ options, flags }: Segment, now: Milliseconds): Milliseconds | undefined {
    return this.agreed && options.timestamp && (flags & tcpFlag.ack) !== 0 ? this.sentAt(options.timestamp.echo, now) : undefined
  }

  /** A SYN that comes in TIME-WAIT with a later time than all before opens a new connection (RFC 6191 2). */
  isNewer(value: number): boolean {
    return this.agreed && ((value - this.#recent) | 0) > 0
  }
}
