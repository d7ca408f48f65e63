import { CodedError, type Flow } from '@tunnel/flow'
import type { IpAddress } from '../wire/ip-address.ts'

/** A port whose SYNs are answered at once. */
export class TcpListener {
  readonly port: number
  /** Of ours; undefined for all. */
  readonly address: IpAddress | undefined
  readonly onFlow: (flow: Flow) => void
  readonly #onClose: (listener: TcpListener) => void

  constructor(port: number, address: IpAddress | undefined, onFlow: (flow: Flow) => void, onClose: (listener: TcpListener) => void) {
    this.port = port
    this.address = address
    this.onFlow = onFlow
    this.#onClose = onClose
  }

  /** Answers no more SYNs; connections stay. */
  close(): void {
    this.#onClose(this)
  }
}

/** Listeners by port; those of one port differ in their addresses. */
export class TcpListeners {
  readonly #byPort = new Map<number, TcpListener[]>()

  /** Throws `netstack.in-use`. */
  add(port: number, address: IpAddress | undefined, onFlow: (flow: Flow) => void): TcpListener {
    const others = this.#byPort.get(port) ?? []
    const taken = others.some((other) => !other.address || !address || other.address.equals(address))
    if (taken) throw new CodedError('netstack.in-use', `Port ${port} is taken: choose another`, { detail: { port } })
    const listener = new TcpListener(port, address, onFlow, (closed) => this.#remove(closed))
    this.#byPort.set(port, [...others, listener])
    return listener
  }

  find(port: number, address: IpAddress): TcpListener | undefined {
    return this.#byPort.get(port)?.find((listener) => !listener.address || listener.address.equals(address))
  }

  clear(): void {
    this.#byPort.clear()
  }

  #remove(listener: TcpListener): void {
    const left = (this.#byPort.get(listener.port) ?? []).filter((other) => other !== listener)
    if (left.length > 0) this.#byPort.set(listener.port, left)
    else this.#byPort.delete(listener.port)
  }
}
