import { createAnsweredError, type Endpoint, type Flow, type Milliseconds, type RefuseReason, type TcpRequest } from '@tunnel/flow'
import type { Segment } from '../wire/tcp-segment.ts'
import { localEndpoint, remoteEndpoint, type Paired, type TcpPair } from './tcp-pair.ts'

/** Who answers requests on the wire. */
export interface RequestOwner {
  accepted(request: PendingRequest): Flow
  refused(request: PendingRequest, reason: RefuseReason): void
}

/** A SYN that has not been answered: the asker waits, and says it again now and then. */
export class PendingRequest implements TcpRequest, Paired<PendingRequest> {
  readonly protocol = 'tcp'
  readonly pair: TcpPair
  /** Its payload is cut off: it lay in a borrowed packet, and will come again. */
  readonly syn: Segment
  /** The start of the packet, to refuse it by ICMP. */
  readonly quote: Uint8Array
  chained: PendingRequest | undefined = undefined
  /** When the SYN came last. */
  lastSeen: Milliseconds
  readonly #owner: RequestOwner
  #answered = false
  #abandoned = false
  #onAbandon: (() => void) | undefined

  constructor(pair: TcpPair, syn: Segment, quote: Uint8Array, owner: RequestOwner, now: Milliseconds) {
    this.pair = pair
    this.syn = { ...syn, payload: new Uint8Array(0) }
    this.quote = quote
    this.#owner = owner
    this.lastSeen = now
  }

  get from(): Endpoint {
    return remoteEndpoint(this.pair)
  }

  get to(): Endpoint {
    return localEndpoint(this.pair)
  }

  get abandoned(): boolean {
    return this.#abandoned
  }

  accept(): Flow {
    this.#answer()
    return this.#owner.accepted(this)
  }

  refuse(reason: RefuseReason): void {
    this.#answer()
    if (!this.#abandoned) this.#owner.refused(this, reason)
  }

  onAbandon(handler: () => void): void {
    if (this.#abandoned) handler()
    else this.#onAbandon = handler
  }

  /** The asker is gone. The owner's. */
  abandon(): void {
    this.#abandoned = true
    this.#onAbandon?.()
  }

  #answer(): void {
    if (this.#answered) throw createAnsweredError()
    this.#answered = true
  }
}
