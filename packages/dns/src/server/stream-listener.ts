import { createServer, type Server, type Socket } from 'node:net'
import { unmapAddress, type Endpoint } from '@tunnel/flow'
import { count } from './counters.ts'
import { StreamSession, type StreamSessionOptions, type StreamTransport } from './stream-session.ts'

export type SessionSurroundings = Omit<StreamSessionOptions, 'transport' | 'client' | 'onClose'>

/** All TCP connections of a server, whatever address they came to. */
export class StreamSessions {
  readonly #options: SessionSurroundings
  readonly #sessions = new Set<StreamSession>()

  constructor(options: SessionSurroundings) {
    this.#options = options
  }

  accept(socket: Socket): void {
    const { limits, counts } = this.#options
    socket.on('error', () => {})
    if (this.#sessions.size >= limits.connections) this.#makeRoom()
    if (this.#sessions.size >= limits.connections) {
      count(counts.disconnected, 'crowded')
      socket.destroy()
      return
    }
    counts.connections += 1
    const client: Endpoint = { address: unmapAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }
    const session: StreamSession = new StreamSession({ ...this.#options, client, transport: new SocketTransport(socket), onClose: () => this.#sessions.delete(session) })
    this.#sessions.add(session)
    socket.on('data', (chunk) => session.push(chunk))
    socket.on('end', () => session.end())
    socket.on('drain', () => session.drained())
    socket.on('close', () => session.lost())
  }

  close(): void {
    for (const session of this.#sessions) session.close()
  }

  /** RFC 7766 6.2.3: under pressure idle connections may be closed. The first is the oldest. */
  #makeRoom(): void {
    for (const session of this.#sessions) {
      if (session.isIdle) return session.close('crowded')
    }
  }
}

class SocketTransport implements StreamTransport {
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  write(frame: Uint8Array): void {
    this.#socket.write(frame)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    // With bytes of the client unread the kernel would send a reset, and take our last answers with it.
    this.#socket.end(() => this.#socket.destroySoon())
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

/** Listens. Rejects with the system's error. */
export async function openStreamListener(at: Endpoint, sessions: StreamSessions): Promise<{ readonly local: Endpoint; close(): void }> {
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => sessions.accept(socket))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: at.port, host: at.address, ipv6Only: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A failure to accept (too many files are open) concerns one connection.
  server.on('error', () => {})
  const bound = server.address()
  return { local: { address: at.address, port: typeof bound === 'object' && bound ? bound.port : at.port }, close: () => server.close() }
}
