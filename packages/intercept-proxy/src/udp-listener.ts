import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { formatEndpoint, unmapAddress, type Clock, type Endpoint, type Milliseconds, type UdpRequest } from '@tunnel/flow'
import { UdpSession, UdpSessionRequest, type UdpSessions } from '@tunnel/flow/node'
import type { Listener, ListenerSpec } from './listener.ts'

/** Bytes that may wait for the kernel; more is dropped. */
const sendLimitBytes = 1024 * 1024

export interface UdpListenerOptions {
  readonly clock: Clock
  /** A session ends when nothing has passed for so long. */
  readonly idle: Milliseconds
  /** Datagrams that wait for `accept` and `attach`. */
  readonly queue: number
  /** Those of all listeners. */
  readonly sessions: UdpSessions
  readonly onRequest: (request: UdpRequest) => void
  /** Datagrams that found no place in a queue. */
  readonly onDrop: () => void
  readonly onLost: (error: Error) => void
}

/** Opens a UDP listener. Rejects with the system's error. */
export async function openUdpListener(spec: ListenerSpec, options: UdpListenerOptions): Promise<UdpListener> {
  // Every address here is an IP address already: answering at once saves a turn of the loop for each datagram.
  const family = isIPv6(spec.address) ? 6 : 4
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (address, _options, done) => done(null, address, family),
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind({ port: spec.port, address: spec.address, exclusive: true }, () => {
      socket.removeAllListeners('error')
      resolve()
    })
  })
  return new UdpListener(socket, spec, options)
}

/** One UDP socket and the sessions of its clients. The socket stays until the last accepted session has ended. */
export class UdpListener implements Listener {
  readonly protocol = 'udp'
  service: string
  readonly #socket: Socket
  readonly #local: Endpoint
  readonly #options: UdpListenerOptions
  readonly #sessions = new Map<string, UdpSession>()
  #stopped = false
  #closed = false

  constructor(socket: Socket, spec: ListenerSpec, options: UdpListenerOptions) {
    this.#socket = socket
    this.#local = { address: spec.address, port: spec.port }
    this.#options = options
    this.service = spec.service
    socket.on('message', (datagram, from) => this.#received(datagram, from))
    socket.on('error', (error) => {
      this.#close()
      options.onLost(error)
    })
  }

  get open(): boolean {
    return !this.#closed
  }

  stop(): void {
    this.#stopped = true
    for (const session of this.#sessions.values()) if (!session.accepted) session.close()
    this.#closeWhenIdle()
  }

  /** Takes requests again: the socket was still open for the sessions of before. */
  restart(service: string): void {
    this.service = service
    this.#stopped = false
  }

  #received(datagram: Uint8Array, { address, port }: RemoteInfo): void {
    const key = formatEndpoint({ address, port })
    const session = this.#sessions.get(key)
    if (session) session.received(datagram)
    else if (!this.#stopped) this.#open(key, { address, port }, datagram)
  }

  #open(key: string, from: Endpoint, datagram: Uint8Array): void {
    const { clock, idle, queue, sessions, onDrop } = this.#options
    const remote = { ...from, address: unmapAddress(from.address) }
    const session = new UdpSession({
      info: { protocol: 'udp', local: this.#local, remote, service: this.service },
      clock,
      idle,
      queue,
      among: sessions,
      onDrop,
      transmit: (bytes) => this.#transmit(bytes, from),
      onClose: () => {
        this.#sessions.delete(key)
        this.#closeWhenIdle()
      },
    })
    this.#sessions.set(key, session)
    session.received(datagram)
    this.#options.onRequest(new UdpSessionRequest(session, { from: remote, to: this.#local, service: this.service }))
  }

  #transmit(datagram: Uint8Array, to: Endpoint): boolean {
    if (this.#closed || this.#socket.getSendQueueSize() >= sendLimitBytes) return false
    // A copy, for the kernel may take it later. An error (no route, ICMP) means that it is lost, as datagrams may be.
    this.#socket.send(Buffer.from(datagram), to.port, to.address, (error) => error && this.#options.onDrop())
    return true
  }

  #closeWhenIdle(): void {
    if (this.#stopped && this.#sessions.size === 0) this.#close()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stopped = true
    for (const session of this.#sessions.values()) session.close()
    this.#socket.close()
  }
}
