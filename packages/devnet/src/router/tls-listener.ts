import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { routerLimits, routerTiming } from './router-timing.ts'

export interface RouterTls {
  /** PEM: leaf first, then intermediates. */
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** PEM: who may sign client certificates. */
  readonly ca: string | Buffer | readonly (string | Buffer)[]
}

export interface TlsListenerOptions {
  readonly tls: RouterTls
  /** `certificate` is the DER of the client's leaf. */
  readonly accepted: (socket: TLSSocket, certificate: Uint8Array) => void
  readonly failed: (reason: string) => void
}

export interface TlsListener {
  listen(host: string, port: number): Promise<number>
  /** No new connections. Those that exist stay. */
  close(): Promise<void>
  /** All sockets, now. */
  destroy(): void
  /** Connections that come meanwhile get no handshake. */
  freeze(): void
  resume(): void
}

/** Protocol sections 3.1 and 11.1: TLS 1.2 or later, a client certificate, and ALPN `ziti-edge` or none. */
export function createTlsListener({ tls, accepted, failed }: TlsListenerOptions): TlsListener {
  const sockets = new Set<Socket>()
  const waiting: Socket[] = []
  let frozen = false
  const { cert, key, ca } = tls
  const handshakes = createTlsServer(
    {
      cert,
      key,
      ca: [ca].flat(),
      minVersion: 'TLSv1.2',
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['ziti-edge'],
      handshakeTimeout: routerTiming.tlsHandshake,
    },
    (socket) => {
      const certificate = socket.getPeerX509Certificate()
      if (certificate) accepted(socket, certificate.raw)
      else socket.destroy()
    },
  )
  handshakes.on('tlsClientError', (error) => failed(error.message))
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    if (frozen) waiting.push(socket.pause())
    else handshakes.emit('connection', socket)
  })
  server.maxConnections = routerLimits.channels
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          resolve((server.address() as AddressInfo).port)
        })
      }),
    close: () => new Promise((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
    destroy() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
    freeze: () => (frozen = true),
    resume() {
      frozen = false
      for (const socket of waiting.splice(0)) if (!socket.destroyed) handshakes.emit('connection', socket)
    },
  }
}
