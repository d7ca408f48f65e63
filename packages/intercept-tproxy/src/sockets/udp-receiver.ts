import type { Clock, Endpoint, Milliseconds, UdpRequest } from '@tunnel/flow'
import { UdpSession, UdpSessionRequest, UdpSessions } from '@tunnel/flow/node'
import type { BatchedUdpSocket, ReceivedDatagram } from '@tunnel/linux'
import type { FlowEnds } from '../flows/live-flows.ts'
import { ReplySockets } from './reply-sockets.ts'

export interface UdpReceiverOptions {
  readonly clock: Clock
  /** After how much silence a session to that port ends. */
  readonly idle: (port: number) => Milliseconds
  /** Datagrams that wait in each session until it is accepted. */
  readonly queue: number
  /** For one more, the one in which nothing has passed for longest ends. */
  readonly sessions: number
  readonly replySockets: number
  /** Whether datagrams without a session are still wanted there. */
  readonly wanted: (flow: FlowEnds) => boolean
  readonly onRequest: (request: UdpRequest) => void
  readonly onOpened: (flow: FlowEnds) => void
  readonly onClosed: (flow: FlowEnds) => void
  readonly onReplyFailure: (error: unknown, from: Endpoint) => void
}

/** In all sessions that wait to be accepted together: a flood of large datagrams from many sources would have gigabytes otherwise. */
const waitingBytes = 16 << 20

/** What the transparent sockets of both families receive, as sessions by client and destination. */
export class UdpReceiver {
  readonly #sockets: readonly BatchedUdpSocket[]
  readonly #options: UdpReceiverOptions
  readonly #replies: ReplySockets
  readonly #sessions = new Map<string, UdpSession>()
  readonly #bounded: UdpSessions
  readonly #room = { bytes: waitingBytes }
  #dropped = 0
  #stopped = false
  #closed = false

  constructor(sockets: readonly BatchedUdpSocket[], options: UdpReceiverOptions) {
    this.#sockets = sockets
    this.#options = options
    this.#bounded = new UdpSessions(options.sessions)
    this.#replies = new ReplySockets({ limit: options.replySockets, onFailure: options.onReplyFailure })
    for (const socket of sockets) socket.start((batch) => this.#received(batch))
  }

  get sessions(): number {
    return this.#sessions.size
  }

  /** Sessions that ended to make room for others. */
  get displaced(): number {
    return this.#bounded.displaced
  }

  /** Datagrams that nobody wanted, or that had no place in a queue. */
  get dropped(): number {
    return this.#sockets.reduce((sum, socket) => sum + socket.dropped, this.#dropped)
  }

  /** Takes no new sessions; the sockets close with the last accepted one. */
  stop(): void {
    this.#stopped = true
    for (const session of this.#sessions.values()) if (!session.accepted) session.close()
    // A program that ends need not wait for the silence of its last clients.
    if (!this.#closed) for (const socket of this.#sockets) socket.unref()
    this.#closeWhenIdle()
  }

  #received(batch: readonly ReceivedDatagram[]): void {
    for (const { data, from, to } of batch) {
      const key = `${from.address} ${from.port} ${to.address} ${to.port}`
      const session = this.#sessions.get(key)
      if (session) session.received(data)
      else if (!this.#stopped) this.#open(key, data, { address: from.address, port: from.port }, { address: to.address, port: to.port })
    }
  }

  #open(key: string, datagram: Uint8Array, from: Endpoint, to: Endpoint): void {
    const { clock, idle, queue, wanted, onRequest, onOpened, onClosed } = this.#options
    const flow: FlowEnds = { protocol: 'udp', from, to }
    if (!wanted(flow)) {
      this.#dropped += 1
      return
    }
    const session = new UdpSession({
      info: { protocol: 'udp', local: to, remote: from },
      clock,
      idle: idle(to.port),
      queue,
      room: this.#room,
      among: this.#bounded,
      transmit: (bytes) => !this.#closed && this.#replies.send(bytes, to, from),
      onDrop: () => (this.#dropped += 1),
      onClose: () => {
        this.#sessions.delete(key)
        onClosed(flow)
        this.#closeWhenIdle()
      },
    })
    this.#sessions.set(key, session)
    onOpened(flow)
    session.received(datagram)
    onRequest(new UdpSessionRequest(session, { from, to }))
  }

  #closeWhenIdle(): void {
    if (!this.#stopped || this.#closed || this.#sessions.size > 0) return
    this.#closed = true
    this.#replies.close()
    for (const socket of this.#sockets) socket.close()
  }
}

