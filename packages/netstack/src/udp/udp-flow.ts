import { copyBytes, createAttachedError, maxDatagramBytes, type CodedError, type DatagramFlow, type DatagramHandler, type FlowInfo, type Milliseconds } from '@tunnel/flow'
import type { IpAddress } from '../wire/ip-address.ts'

/** Both ends of a flow. */
export interface UdpPair {
  readonly local: IpAddress
  readonly localPort: number
  readonly remote: IpAddress
  readonly remotePort: number
}

/** What a flow needs of the layer that it belongs to. */
export interface UdpFlowOwner {
  readonly now: () => Milliseconds
  /** Runs a call later, outside of the caller's own. */
  readonly defer: (call: () => void) => void
  readonly transmit: (pair: UdpPair, datagram: Uint8Array) => boolean
  readonly onDrop: () => void
  /** Something passes in it. */
  readonly onActive: (flow: UdpFlow) => void
  readonly onClosed: (flow: UdpFlow) => void
  /** Runs a handler of the user, who may throw. */
  readonly call: (handler: () => void) => void
  /** Datagrams, and their bytes, that wait for `attach`. */
  readonly queueLimit: number
  readonly queueBytes: number
}

export interface UdpFlowSettings {
  /** After how much silence it ends. */
  readonly idle: Milliseconds
  /** Somebody else has begun it: where there are too many, it ends for a new one. */
  readonly mayMakeRoom: boolean
}

/** Datagrams between one local and one remote endpoint. */
export class UdpFlow implements DatagramFlow {
  readonly info: FlowInfo
  readonly pair: UdpPair
  dropped = 0
  /** ICMP errors that came back for what we sent. The flow stays open: who is unreachable now may be back in a moment. */
  unreachable = 0
  readonly idle: Milliseconds
  readonly mayMakeRoom: boolean
  /** The layer's own: the next flow with the same hash, and the neighbours in the row by idleness. */
  next: UdpFlow | undefined
  older: UdpFlow | undefined
  newer: UdpFlow | undefined
  lastActive: Milliseconds
  readonly #owner: UdpFlowOwner
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #handler: DatagramHandler | undefined
  #started = false
  #closing: { readonly error?: CodedError } | undefined

  constructor(pair: UdpPair, owner: UdpFlowOwner, { idle, mayMakeRoom }: UdpFlowSettings) {
    this.pair = pair
    this.idle = idle
    this.mayMakeRoom = mayMakeRoom
    this.#owner = owner
    this.lastActive = owner.now()
    this.info = {
      protocol: 'udp',
      local: { address: String(pair.local), port: pair.localPort },
      remote: { address: String(pair.remote), port: pair.remotePort },
    }
  }

  attach(handler: DatagramHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    this.#owner.defer(() => this.#start(handler))
  }

  send(datagram: Uint8Array): boolean {
    if (this.#closing || datagram.length > maxDatagramBytes || !this.#owner.transmit(this.pair, datagram)) {
      this.dropped += 1
      return false
    }
    this.#active()
    return true
  }

  close(error?: CodedError): void {
    if (this.#closing) return
    this.#closing = error ? { error } : {}
    this.#waiting = []
    this.#waitingBytes = 0
    this.#owner.onClosed(this)
    const handler = this.#handler
    if (handler && this.#started) this.#owner.defer(() => handler.close(error))
  }

  /** A datagram for this flow, borrowed. */
  received(datagram: Uint8Array): void {
    if (this.#closing) return
    this.#active()
    const handler = this.#handler
    if (handler && this.#started) return this.#owner.call(() => handler.message(datagram))
    if (this.#waiting.length >= this.#owner.queueLimit || this.#waitingBytes + datagram.length > this.#owner.queueBytes) return this.#owner.onDrop()
    this.#waiting.push(copyBytes(datagram))
    this.#waitingBytes += datagram.length
  }

  #active(): void {
    if (this.#closing) return
    this.lastActive = this.#owner.now()
    this.#owner.onActive(this)
  }

  #start(handler: DatagramHandler): void {
    this.#started = true
    // A handler may close the flow, which empties the list.
    for (let datagram = this.#waiting.shift(); datagram; datagram = this.#waiting.shift()) {
      const waited = datagram
      this.#owner.call(() => handler.message(waited))
    }
    this.#waitingBytes = 0
    if (this.#closing) handler.close(this.#closing.error)
  }
}
