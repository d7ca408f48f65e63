import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { CodedError } from '@tunnel/flow'
import type { Log } from '@tunnel/flow'
import type { KeyedCertificate } from '../pki/certificate-authority.ts'
import { certificateFingerprint } from '../pki/fingerprint.ts'
import type { Call } from './call.ts'
import type { Dispatch } from './dispatch.ts'
import type { ControllerFaults } from './faults.ts'
import { readBody } from './read-body.ts'
import type { Reply } from './reply.ts'
import { fail } from './reply.ts'

export interface ControllerOptions {
  readonly host: string
  readonly instanceId: string
  readonly certificate: KeyedCertificate
  readonly caPem: string
  readonly faults: ControllerFaults
  readonly log: Log
}

/** The HTTPS side of the controller. */
export interface Controller {
  /** After `start`, and the same after every later one. */
  readonly port: number
  /** Listens on `port`: 0 at first means any. */
  start(port: number, dispatch: Dispatch): Promise<void>
  /** Closes the port and every connection. */
  stop(): Promise<void>
}

const compress = promisify(gzip)
const source = 'devnet/controller'

export function createController(options: ControllerOptions): Controller {
  let server: Server | undefined
  let port = 0
  const sockets = new Set<Socket>()
  return {
    get port() { return port },
    async start(wanted, dispatch) {
      if (server !== undefined) return
      const created = createTlsServer(options)
      created.on('request', (request, response) => void serve(request, response, dispatch, options))
      created.on('connection', (socket: Socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
      })
      await listen(created, wanted, options.host)
      server = created
      port = (created.address() as AddressInfo).port
    },
    async stop() {
      const stopped = server
      if (stopped === undefined) return
      server = undefined
      await new Promise<void>((resolve) => {
        stopped.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
    },
  }
}

function createTlsServer({ certificate, caPem, log }: ControllerOptions): Server {
  const server = createServer({
    key: certificate.keyPem,
    cert: certificate.chainPem,
    ca: caPem,
    // Asked for and never demanded: an enrollment has none. Whose it is decides the login, by fingerprint.
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    // A client that dawdles over its request may do so for a while, not for ever.
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 60_000,
  })
  server.on('tlsClientError', (error) => log('debug', source, `TLS handshake failed: ${error.message}`))
  server.on('clientError', (error, socket) => {
    log('debug', source, `malformed request: ${error.message}`)
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request')
    else socket.destroy()
  })
  return server
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new CodedError('devnet.listen', `the controller cannot listen on ${host}:${port}: ${cause.message}`, { cause }))
    })
    server.listen(port, host, resolve)
  })
}

async function serve(request: IncomingMessage, response: ServerResponse, dispatch: Dispatch, options: ControllerOptions): Promise<void> {
  const { faults, log } = options
  try {
    const body = await readBody(request)
    if (faults.delay > 0) await sleep(faults.delay, undefined, { ref: false })
    const call = body === undefined ? undefined : parseCall(request, body)
    const fault = faults.take(call?.path ?? '')
    if (fault === 'hang-up') {
      request.socket.destroy()
      return
    }
    const reply = await decide(call, fault, dispatch, log)
    log('debug', source, 'answered', { method: request.method, path: call?.path, status: reply.status })
    await send(request, response, reply, options.instanceId)
  } catch (error) {
    log('error', source, `request lost: ${String(error)}`)
    request.socket.destroy()
  }
}

async function decide(call: Call | undefined, fault: Parameters<typeof fail>[0] | undefined, dispatch: Dispatch, log: Log): Promise<Reply> {
  if (call === undefined) return fail('REQUEST_TOO_LARGE', { headers: { Connection: 'close' } })
  if (fault !== undefined) return fail(fault)
  try {
    return await dispatch(call)
  } catch (error) {
    log('error', source, `${call.method} ${call.path} failed: ${error instanceof Error ? error.stack : String(error)}`)
    return fail('UNHANDLED')
  }
}

function parseCall(request: IncomingMessage, body: Buffer): Call {
  const [path = '/', query = ''] = splitOnce(request.url ?? '/', '?')
  const { socket } = request
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  return {
    method: request.method ?? 'GET',
    path: decodePath(path),
    query: new URLSearchParams(query),
    headers: request.headers,
    body,
    fingerprint: certificate === undefined ? undefined : certificateFingerprint(certificate.raw),
    remote: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
    parameters: {},
  }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** A path that does not decode matches no route, as it is. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Below it gzip makes an answer no smaller. */
const minimumGzipBytes = 1024

async function send(request: IncomingMessage, response: ServerResponse, reply: Reply, instanceId: string): Promise<void> {
  const isGzip = reply.body.length >= minimumGzipBytes && /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '')
  const body = isGzip ? await compress(reply.body) : Buffer.from(reply.body)
  response.writeHead(reply.status, {
    ...reply.body !== '' && { 'Content-Type': 'application/json' },
    ...isGzip && { 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' },
    // The OIDC side of a real controller is another handler, which does not say its name.
    ...request.url?.startsWith('/oidc/') !== true && { Server: 'ziti-controller/v2.0.3', 'Ziti-Instance-Id': instanceId },
    'Content-Length': body.length,
    ...reply.headers as Record<string, string | string[]>,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
