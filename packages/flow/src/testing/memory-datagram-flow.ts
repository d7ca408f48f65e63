import type { CodedError } from '../coded-error.ts'
import { maxDatagramBytes } from '../datagram.ts'
import { createAttachedError, createResetError } from '../flow-error.ts'
import type { DatagramFlow, DatagramHandler, FlowInfo } from '../flow.ts'
import { copyBytes } from '../hold.ts'

export interface DatagramFlowPairOptions {
  /** Datagrams that wait in each direction before `send` drops. Default 64. */
  readonly limit?: number
  readonly left?: FlowInfo
  readonly right?: FlowInfo
}

/** Two ends of a datagram pipe in memory. `close` of one closes the other, after what was sent before. */
export function createDatagramFlowPair(options: DatagramFlowPairOptions = {}): [DatagramFlow, DatagramFlow] {
  const limit = options.limit ?? 64
  const left = new MemoryDatagramFlow(options.left ?? { protocol: 'udp' }, limit)
  const right = new MemoryDatagramFlow(options.right ?? { protocol: 'udp' }, limit)
  left.join(right)
  right.join(left)
  return [left, right]
}

/** Read by somebody who kept a datagram beyond `message`. */
const overwritten = 0xdd

class MemoryDatagramFlow implements DatagramFlow {
  readonly info: FlowInfo
  dropped = 0
  readonly #limit: number
  readonly #received: Uint8Array[] = []
  #peer: MemoryDatagramFlow = this
  #handler: DatagramHandler | undefined
  #scheduled = false
  /** Takes no more; `close` follows. */
  #closing: { readonly error?: CodedError } | undefined
  #closed = false

  constructor(info: FlowInfo, limit: number) {
    this.info = info
    this.#limit = limit
  }

  join(peer: MemoryDatagramFlow): void {
    this.#peer = peer
  }

  attach(handler: DatagramHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    this.#schedule()
  }

  send(datagram: Uint8Array): boolean {
    const peer = this.#peer
    if (this.#closing || peer.#closing || peer.#received.length >= peer.#limit || datagram.length > maxDatagramBytes) {
      this.dropped += 1
      return false
    }
    peer.#received.push(copyBytes(datagram))
    peer.#schedule()
    return true
  }

  close(error?: CodedError): void {
    if (this.#closing) return
    this.#received.length = 0
    this.#closing = error ? { error } : {}
    this.#schedule()
    if (this.#peer.#closing) return
    this.#peer.#closing = error ? { error: createResetError(error) } : {}
    this.#peer.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.#handler && !this.#closed) this.#run(this.#handler)
    })
  }

  #run(handler: DatagramHandler): void {
    for (let datagram = this.#received.shift(); datagram; datagram = this.#received.shift()) {
      handler.message(datagram)
      datagram.fill(overwritten)
    }
    if (!this.#closing) return
    this.#closed = true
    handler.close(this.#closing.error)
  }
}
