import type { Endpoint } from '@tunnel/flow'
import type { Netstack } from '@tunnel/netstack'

export interface TunDatagram {
  readonly data: Uint8Array
  readonly from: Endpoint
}

/** A UDP port at an address inside the tunnel: what `openUdp` of a DNS server wants, so that no port of this host is needed. */
export interface TunDatagramPort {
  readonly local: Endpoint
  /** Once. What it is given is borrowed until it returns. */
  start(receive: (batch: readonly TunDatagram[]) => void): void
  /** Copies. False: dropped. */
  send(data: Uint8Array, to: Endpoint): boolean
  close(): void
}

/** A port of ours that is opened again when the stack is made again. */
export class OwnPort implements TunDatagramPort {
  readonly local: Endpoint
  readonly #onClose: (port: OwnPort) => void
  #socket: ReturnType<Netstack['bind']> | undefined
  #receive: ((batch: readonly TunDatagram[]) => void) | undefined

  constructor(local: Endpoint, stack: Netstack, onClose: (port: OwnPort) => void) {
    this.local = local
    this.#onClose = onClose
    this.open(stack)
  }

  open(stack: Netstack): void {
    const { address, port } = this.local
    this.#socket = stack.bind({ address, port, onMessage: (data, from) => this.#receive?.([{ data, from }]) })
  }

  start(receive: (batch: readonly TunDatagram[]) => void): void {
    this.#receive = receive
  }

  send(data: Uint8Array, to: Endpoint): boolean {
    return this.#socket?.send(data, to) ?? false
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
    this.#onClose(this)
  }
}
