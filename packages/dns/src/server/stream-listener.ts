import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
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

  acceptSocket(socket: Socket): void {
    this.accept(socket, { address: unmapAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 })
  }

  accept(stream: Duplex, client: Endpoint): void {
    const { limits, counts } = this.#options
    stream.on('error', () => {})
    if (this.#sessions.size >= limits.connections) this.#makeRoom()
    if (this.#sessions.size >= limits.connections) {
      count(counts.disconnected, 'crowded')
      stream.destroy()
      return
    }
    counts.connections += 1
    const session: StreamSession = new StreamSession({ ...this.#options, client, transport: new DuplexTransport(stream), onClose: () => this.#sessions.delete(session) })
    this.#sessions.add(session)
    stream.on('data', (chunk: Uint8Array) => session.push(chunk))
    stream.on('end', () => session.end())
    stream.on('drain', () => session.drained())
    stream.on('close', () => session.lost())
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

class DuplexTransport implements StreamTransport {
  readonly #stream: Duplex

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  get unsentBytes(): number {
    return this.#stream.writableLength
  }

  write(frame: Uint8Array): void {
    this.#stream.write(frame)
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    // With bytes of the client unread the kernel would send a reset, and take our last answers with it.
    this.#stream.end(() => this.#stream.destroy())
    this.#stream.resume()
  }

  destroy(): void {
    this.#stream.destroy()
  }
}

/** Listens. Rejects with the system's error. */
export async function openStreamListener(at: Endpoint, sessions: StreamSessions): Promise<{ readonly local: Endpoint; close(): void }> {
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => sessions.acceptSocket(socket))
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
