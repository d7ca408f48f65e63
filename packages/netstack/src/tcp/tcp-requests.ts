import type { Milliseconds } from '@tunnel/flow'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import { seqAdd } from './seq.ts'
import { PairTable, type TcpPair } from './tcp-pair.ts'
import type { PendingRequest } from './tcp-pending-request.ts'

/** An asker who has not said his SYN for so long is gone: the longest usual pause between two is 64 seconds. */
const patience = 130_000

/** SYNs that wait for an answer: bounded in all, and by source, so that one source cannot take all places (RFC 4987 3). */
export class PendingRequests {
  readonly #table: PairTable<PendingRequest>
  /** In the order of `lastSeen`. */
  readonly #waiting = new Set<PendingRequest>()
  readonly #limit: number
  readonly #limitPerSource: number

  constructor(secret: number, limit: number, limitPerSource: number) {
    this.#table = new PairTable(secret)
    this.#limit = limit
    this.#limitPerSource = limitPerSource
  }

  get size(): number {
    return this.#table.size
  }

  get nextWake(): Milliseconds {
    const [oldest] = this.#waiting
    return oldest ? oldest.lastSeen + patience : Number.POSITIVE_INFINITY
  }

  find({ local, localPort, remote, remotePort }: TcpPair): PendingRequest | undefined {
    return this.#table.find(local, localPort, remote, remotePort)
  }

  hasRoomFor({ remote }: TcpPair): boolean {
    return this.#table.size < this.#limit && this.#table.countOf(remote) < this.#limitPerSource
  }

  add(request: PendingRequest): void {
    this.#table.add(request)
    this.#waiting.add(request)
  }

  remove(request: PendingRequest): void {
    if (!this.#waiting.delete(request)) return
    this.#table.remove(request)
  }

  /** A segment for a pair that waits: the SYN again, or a reset. False if it begins something new. */
  receive(request: PendingRequest, segment: Segment, now: Milliseconds): boolean {
    const { flags, seq } = segment
    if ((flags & tcpFlag.rst) !== 0) {
      // RFC 5961 3.2: the very next number.
      if (seq === seqAdd(request.syn.seq, 1) || seq === request.syn.seq) this.abandon(request)
      return true
    }
    if ((flags & (tcpFlag.syn | tcpFlag.ack)) !== tcpFlag.syn) return true
    if (seq === request.syn.seq) {
      request.lastSeen = now
      this.#waiting.delete(request)
      this.#waiting.add(request)
      return true
    }
    // Another SYN from the same port: its owner has begun anew.
    this.abandon(request)
    return false
  }

  abandon(request: PendingRequest): void {
    this.remove(request)
    request.abandon()
  }

  expire(now: Milliseconds): void {
    for (const request of this.#waiting) {
      if (request.lastSeen + patience > now) return
      this.abandon(request)
    }
  }

  clear(): void {
    for (const request of [...this.#waiting]) this.abandon(request)
  }
}
