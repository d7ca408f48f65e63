import type { Milliseconds } from '@tunnel/flow'
import type { TcpOptions } from '../wire/tcp-options.ts'
import type { Segment } from '../wire/tcp-segment.ts'
import { halfSipHash } from './half-sip-hash.ts'
import { seqAdd, toSeq, type Seq } from './seq.ts'
import type { TcpPair } from './tcp-pair.ts'

/** A cookie holds for one such span, and for the rest of the one that it was made in. */
const span = 64_000
/** Eight sizes that segments have: of two that are possible the smaller one is remembered. */
const sizes = [0, 536, 1220, 1360, 1400, 1440, 1460, 8940]
/** Low bits of our timestamp: shift of the window (15: none), SACK. */
const timestampBits = 5
const noShift = 15

/**
 * Answers to SYNs of which nothing is kept (RFC 4987 3.6): where there are more than we keep account of, the answer's sequence number and its timestamp hold what
 * is to be remembered, signed, and whoever really asked brings it back.
 */
export class SynCookies {
  readonly #key: readonly [number, number]
  /** Without a flood no ACK is looked at. */
  #until: Milliseconds = Number.NEGATIVE_INFINITY

  /** `random`: uniform in [0, 1), not to be guessed. */
  constructor(random: () => number) {
    this.#key = [Math.floor(random() * 2 ** 32) | 0, Math.floor(random() * 2 ** 32) | 0]
  }

  /** The ISS of an answer to `syn`. */
  make(pair: TcpPair, syn: Segment, now: Milliseconds): Seq {
    this.#until = now + 2 * span
    const wanted = syn.options.mss ?? 536
    return this.#cookie(pair, syn.seq, Math.floor(now / span), sizes.findLastIndex((size) => size <= wanted))
  }

  /** What an answer can remember of the options of a SYN: without timestamps only a size. */
  static memorable(options: TcpOptions): TcpOptions {
    return options.timestamp ? options : { ...options, windowScale: undefined, sackPermitted: false }
  }

  /** `value`, or a little less, with what is to be remembered of `options` in its low bits. */
  static stamp(value: number, { windowScale, sackPermitted }: TcpOptions): number {
    const memory = ((windowScale ?? noShift) << 1) | (sackPermitted ? 1 : 0)
    const stamped = (value & -(1 << timestampBits)) | memory
    return stamped - value > 0 ? (stamped - (1 << timestampBits)) | 0 : stamped
  }

  /** The options of the SYN whose answer `segment` acknowledges; undefined if there was none. */
  recall(pair: TcpPair, segment: Segment, now: Milliseconds): TcpOptions | undefined {
    if (now > this.#until) return undefined
    const cookie = seqAdd(segment.ack, -1)
    const index = (cookie >>> 24) & 7
    const present = Math.floor(now / span)
    const made = [present, present - 1].find((each) => this.#cookie(pair, seqAdd(segment.seq, -1), each, index) === cookie)
    if (made === undefined) return undefined
    const { timestamp } = segment.options
    const shift = timestamp ? (timestamp.echo >> 1) & 15 : noShift
    return { mss: sizes[index], windowScale: shift === noShift ? undefined : shift, sackPermitted: timestamp !== undefined && (timestamp.echo & 1) === 1, sack: [], timestamp }
  }

  /** Five bits of the time, three of the size, and 24 that only we can make. */
  #cookie({ local, remote, localPort, remotePort }: TcpPair, initial: Seq, made: number, index: number): Seq {
    const words = [local.word0, local.word1, local.word2, local.word3, remote.word0, remote.word1, remote.word2, remote.word3, (localPort << 16) | remotePort, initial, made, index]
    return toSeq(((made & 31) << 27) | (index << 24) | (halfSipHash(this.#key[0], this.#key[1], words) >>> 8))
  }
}
