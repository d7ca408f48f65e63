import type { Endpoint, Flow } from '@tunnel/flow'
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

/** A TCP port at an address inside the tunnel. What it has accepted goes on when it closes. */
export interface TunListener {
  readonly local: Endpoint
  close(): void
}

/** A port of ours that is opened again when the stack is made again. */
export interface OwnPort {
  readonly local: Endpoint
  open(stack: Netstack): void
  close(): void
}

export class OwnDatagramPort implements OwnPort, TunDatagramPort {
  readonly local: Endpoint
  readonly #onClose: (port: OwnPort) => void
  #socket: ReturnType<Netstack['bind']> | undefined
  #receive: ((batch: readonly TunDatagram[]) => void) | undefined

  constructor(local: Endpoint, onClose: (port: OwnPort) => void) {
    this.local = local
    this.#onClose = onClose
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

export class OwnListener implements OwnPort, TunListener {
  readonly local: Endpoint
  readonly #onFlow: (flow: Flow) => void
  readonly #onClose: (port: OwnPort) => void
  #listener: ReturnType<Netstack['listen']> | undefined

  constructor(local: Endpoint, onFlow: (flow: Flow) => void, onClose: (port: OwnPort) => void) {
    this.local = local
    this.#onFlow = onFlow
    this.#onClose = onClose
  }

  open(stack: Netstack): void {
    this.#listener = stack.listen(this.local, this.#onFlow)
  }

  close(): void {
    this.#listener?.close()
    this.#listener = undefined
    this.#onClose(this)
  }
}
