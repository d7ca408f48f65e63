import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Issued, TestPki } from './test-pki.ts'

export interface StubRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly clientCert: boolean
  readonly origin: string
}

export interface StubAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Objects become JSON. */
  readonly body?: unknown
}

/** `undefined`: 404 of the controller; `hang`: no answer; `drop`: the connection is closed. */
export type StubHandler = (request: StubRequest) => StubAnswer | 'hang' | 'drop' | undefined | Promise<StubAnswer | undefined>

export interface StubController {
  /** `https://127.0.0.1:port`. */
  readonly origin: string
  readonly requests: readonly StubRequest[]
  /** `METHOD path` of all requests. */
  readonly log: readonly string[]
  /** TCP connections made so far. */
  readonly connections: number
  handler: StubHandler
  close(): Promise<void>
}

/** An HTTPS server on a port of its own that answers as `handler` says. */
export async function createStubController(pki: TestPki, handler: StubHandler, identity?: Issued): Promise<StubController> {
  const { cert, key } = identity ?? (await pki.issue('controller'))
  const requests: StubRequest[] = []
  const sockets = new Set<Duplex>()
  let connections = 0
  const server = createServer({ cert, key, ca: pki.ca, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '', stub.origin)
      const seen: StubRequest = {
        method: request.method ?? '', path: url.pathname, query: url.searchParams, headers: request.headers,
        body: Buffer.concat(chunks).toString(), clientCert: (request.socket as TLSSocket).getPeerCertificate().raw !== undefined, origin: stub.origin,
      }
      requests.push(seen)
      void Promise.resolve(stub.handler(seen)).then((answer) => {
        if (answer === 'hang') return
        if (answer === 'drop') {
          request.socket.destroy()
          return
        }
        const { status = 200, headers = {}, body = '' } = answer ?? notFound
        response.writeHead(status, headers)
        response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body))
      })
    })
  })
  server.on('connection', (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const stub = {
    origin, requests, handler,
    get log() {
      return requests.map(({ method, path }) => `${method} ${path}`)
    },
    get connections() {
      return connections
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
  return stub
}

const notFound: StubAnswer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'no such thing' }, meta: {} } }
