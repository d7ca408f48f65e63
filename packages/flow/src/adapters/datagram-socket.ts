import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { CodedError } from '../coded-error.ts'
import { maxDatagramBytes } from '../datagram.ts'
import type { Endpoint } from '../endpoint.ts'
import { createAbortedError, createAttachedError } from '../flow-error.ts'
import type { DatagramFlow, DatagramHandler, FlowInfo } from '../flow.ts'
import { toTransportError } from './transport-error.ts'

export interface DatagramSocketFlowOptions {
  /** Bytes that may wait for the kernel before `send` drops. Default 256 KiB. */
  readonly limitBytes?: number
  /** Datagrams kept before `attach`; more are dropped and counted. Default 64. */
  readonly earlyLimit?: number
  /** Added to what the socket itself knows: its two endpoints. */
  readonly info?: Partial<FlowInfo>
}

/**
 * A connected UDP socket as a `DatagramFlow`; from here on the socket belongs to it. Connected means that the kernel
 * takes datagrams of that one peer only, and reports ICMP errors. An ICMP "port unreachable" does not close the flow:
 * a service that restarts is back a moment later, and time-outs are up to whoever owns the flow.
 */
export function fromDatagramSocket(socket: Socket, options: DatagramSocketFlowOptions = {}): DatagramFlow {
  return new SocketDatagramFlow(socket, options)
}

/** Opens a UDP socket connected to an IP address or name. Rejects with `flow.transport`. */
export async function connectDatagramFlow(remote: Endpoint, options: DatagramSocketFlowOptions = {}): Promise<DatagramFlow> {
  const socket = createSocket(isIPv6(remote.address) ? 'udp6' : 'udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      // A failed connect goes to this callback, not to 'error'.
      const connected = (error?: Error): void => (error ? reject(error) : resolve())
      socket.connect(remote.port, remote.address, connected as () => void)
    })
    socket.removeAllListeners('error')
    return fromDatagramSocket(socket, options)
  } catch (error) {
    socket.close()
    throw toTransportError(error)
  }
}

class SocketDatagramFlow implements DatagramFlow {
  readonly info: FlowInfo
  dropped = 0
  readonly #socket: Socket
  readonly #limitBytes: number
  readonly #earlyLimit: number
  readonly #early: Uint8Array[] = []
  #handler: DatagramHandler | undefined
  #started = false
  #closing: { readonly error?: CodedError } | undefined
  #socketClosed = false

  constructor(socket: Socket, options: DatagramSocketFlowOptions) {
    const { address, port } = socket.address()
    const remote = socket.remoteAddress()
    this.info = {
      protocol: 'udp',
      local: { address, port },
      remote: { address: remote.address, port: remote.port },
      ...options.info,
    }
    this.#socket = socket
    this.#limitBytes = options.limitBytes ?? 256 * 1024
    this.#earlyLimit = options.earlyLimit ?? 64
    socket.on('message', (datagram) => this.#received(datagram))
    // ICMP errors of earlier datagrams come here; the socket stays usable (see above).
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#socketClosed = true
      this.#settle()
    })
  }

  attach(handler: DatagramHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    process.nextTick(() => {
      this.#started = true
      this.#settle()
    })
  }

  send(datagram: Uint8Array): boolean {
    const full = this.#closing || this.#socketClosed || this.#socket.getSendQueueSize() >= this.#limitBytes
    if (full || datagram.length > maxDatagramBytes) {
      this.dropped += 1
      return false
    }
    // A copy: the kernel may take it later, and `datagram` is borrowed.
    this.#socket.send(Buffer.from(datagram), (error) => {
      if (error) this.dropped += 1
    })
    return true
  }

  close(error?: CodedError): void {
    if (this.#closing || this.#socketClosed) return
    this.#closing = error ? { error } : {}
    this.#early.length = 0
    this.#socket.close()
  }

  #received(datagram: Uint8Array): void {
    if (this.#closing) return
    if (this.#handler && this.#started && this.#early.length === 0) this.#handler.message(datagram)
    else if (this.#early.length < this.#earlyLimit) this.#early.push(datagram)
    else this.dropped += 1
  }

  #settle(): void {
    const handler = this.#handler
    if (!handler || !this.#started) return
    for (let datagram = this.#early.shift(); datagram && !this.#closing; datagram = this.#early.shift()) handler.message(datagram)
    if (this.#socketClosed) handler.close(this.#closing ? this.#closing.error : createAbortedError())
  }
}
