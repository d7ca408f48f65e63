import type { Milliseconds } from '@tunnel/flow'
import { halfSipHash } from './half-sip-hash.ts'
import { toSeq, type Seq } from './seq.ts'
import type { TcpPair } from './tcp-pair.ts'

/** A number goes on by one every four microseconds (RFC 9293 3.4.1). */
const ticksPerMillisecond = 250

/**
 * Where the numbers of a connection begin: not to be guessed from outside, and for one pair of endpoints always rising, so that a peer in
 * TIME-WAIT knows new from old (RFC 6528, RFC 7323 7.1).
 */
export class InitialNumbers {
  readonly #keys: readonly number[]

  /** `random`: uniform in [0, 1), not to be guessed. */
  constructor(random: () => number) {
    this.#keys = Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32) | 0)
  }

  /** ISS */
  sequence(pair: TcpPair, now: Milliseconds): Seq {
    return toSeq(this.#hash(pair, 0) + Math.floor(now * ticksPerMillisecond))
  }

  timestampOffset(pair: TcpPair): number {
    return this.#hash(pair, 2)
  }

  #hash({ local, remote, localPort, remotePort }: TcpPair, key: number): number {
    const words = [local.word0, local.word1, local.word2, local.word3, remote.word0, remote.word1, remote.word2, remote.word3, (localPort << 16) | remotePort]
    return halfSipHash(this.#keys[key] ?? 0, this.#keys[key + 1] ?? 0, words)
  }
}
