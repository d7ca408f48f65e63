import { maxDatagramBytes, type Endpoint } from '@tunnel/flow'
import { parseAddress, type IpAddress } from '../wire/ip-address.ts'

export interface UdpSocketOptions {
  /** One of our addresses. Default: all of them. */
  readonly address?: string
  /** 1 to 65535. Default: a free one of 49152 and above. */
  readonly port?: number
  /** One datagram, borrowed until the call returns. `to` is the address that it came for. */
  readonly onMessage: (datagram: Uint8Array, from: Endpoint, to: Endpoint) => void
}

/** A local port that takes datagrams from everybody. */
export class UdpSocket {
  readonly port: number
  /** `undefined`: all addresses. */
  readonly address: IpAddress | undefined
  readonly onMessage: UdpSocketOptions['onMessage']
  dropped = 0
  readonly #transmit: (socket: UdpSocket, to: IpAddress, port: number, datagram: Uint8Array) => boolean
  readonly #onClosed: (socket: UdpSocket) => void
  #closed = false

  constructor(
    port: number,
    address: IpAddress | undefined,
    onMessage: UdpSocketOptions['onMessage'],
    transmit: (socket: UdpSocket, to: IpAddress, port: number, datagram: Uint8Array) => boolean,
    onClosed: (socket: UdpSocket) => void,
  ) {
    this.port = port
    this.address = address
    this.onMessage = onMessage
    this.#transmit = transmit
    this.#onClosed = onClosed
  }

  /** False: dropped, and counted: too long, no address to send from, or the device is full. */
  send(datagram: Uint8Array, to: Endpoint): boolean {
    const address = parseAddress(to.address)
    if (!this.#closed && address && datagram.length <= maxDatagramBytes && this.#transmit(this, address, to.port, datagram)) return true
    this.dropped += 1
    return false
  }

  /** No message comes after it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClosed(this)
  }
}
