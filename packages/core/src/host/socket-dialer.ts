import { createSocket } from 'node:dgram'
import type { Socket as DatagramSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { CodedError, isCodedError } from '@tunnel/flow'
import type { DatagramFlow, Flow } from '@tunnel/flow'
import { connectFlow, fromAccepted, fromDatagramSocket, fromSocket } from '@tunnel/flow/node'
import type { HostDialer, ServerTarget } from './host-dialer.ts'
import { probeBySocket, probeHttp } from './probe-http.ts'

/** Where a socket goes: an IP address or a name, and from where if that matters. */
export type SocketTarget = Pick<ServerTarget, 'address' | 'port' | 'source'>

/** Sockets of one's own (marked, bound), for all that this dialer does. */
export interface OwnSockets {
  /** A connected TCP socket with half-open allowed. Rejects as `net.connect` fails. */
  connectTcp(target: SocketTarget, signal: AbortSignal): Promise<Socket>
  /** A UDP socket that is bound and not connected, for the family of the server. */
  openUdp(family: 4 | 6, source: ServerTarget['source']): Promise<DatagramSocket>
  lookup(name: string): Promise<{ readonly address: string; readonly family: number }>
}

/** Reaches servers by sockets of the operating system: those of Node, or `own` ones. It needs Node, as `probe-http.ts` does, and no other file of this package. */
export function createSocketDialer(own?: OwnSockets): HostDialer {
  return {
    connectTcp: (target, signal) =>
      target.proxy === undefined ? connectDirect(target, own, signal) : connectByProxy(target, { proxy: target.proxy, own, signal }),
    connectUdp: (target, signal) => connectUdp(target, own, signal),
    probeHttp: (probe, signal) => (own ? probeBySocket(probe, own, signal) : probeHttp(probe, signal)),
  }
}

async function connectDirect(target: ServerTarget, own: OwnSockets | undefined, signal: AbortSignal): Promise<Flow> {
  const { address, port, source } = target
  try {
    if (own) return fromAccepted(await own.connectTcp(target, signal)).flow
    return await connectFlow({
      host: address,
      port,
      signal,
      ...(source && { localAddress: source.address }),
      ...(source?.port !== undefined && { localPort: source.port }),
    })
  } catch (error) {
    throw hostError(error, `${address}:${port}`)
  }
}

interface ProxyWay {
  readonly proxy: string
  readonly own: OwnSockets | undefined
  readonly signal: AbortSignal
}

/** Protocol section 5.6, rule 6. */
async function connectByProxy({ address, port, source }: ServerTarget, { proxy, own, signal }: ProxyWay): Promise<Flow> {
  const authority = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  const [, proxyHost = '', proxyPort = '80'] = /^(?:http:\/\/)?\[?([^\]/]*?)\]?(?::(\d+))?\/?$/.exec(proxy) ?? []
  const failure = (why: string, cause?: unknown): CodedError =>
    new CodedError('host.proxy-failed', `proxy ${proxy} does not connect to ${authority}: ${why}`, { cause })
  const ours = await own?.connectTcp({ address: proxyHost, port: Number(proxyPort), source }, signal).catch((error: unknown) => {
    throw failure(error instanceof Error ? error.message : String(error), error)
  })
  return new Promise((resolve, reject) => {
    const failed = (why: string, cause?: unknown): void => reject(failure(why, cause))
    const connecting = request({
      method: 'CONNECT',
      path: authority,
      headers: { host: authority },
      signal,
      // Without an agent: the socket is ours, and nobody else's after this.
      createConnection: () =>
        ours ?? connect({ host: proxyHost, port: Number(proxyPort), allowHalfOpen: true, ...(source && { localAddress: source.address }) }),
    })
    connecting.once('connect', (response, socket, head) => {
      if (response.statusCode !== 200) {
        socket.destroy()
        return failed(`it answers ${response.statusCode} ${response.statusMessage}`)
      }
      socket.pause()
      if (head.length > 0) socket.unshift(head)
      resolve(fromSocket(socket as Socket))
    })
    connecting.once('response', (response) => {
      connecting.destroy()
      failed(`it answers ${response.statusCode} ${response.statusMessage}`)
    })
    connecting.once('error', (error) => failed(error.message, error))
    connecting.end()
  })
}

async function connectUdp({ address, port, source }: ServerTarget, own: OwnSockets | undefined, signal: AbortSignal): Promise<DatagramFlow> {
  let socket: DatagramSocket | undefined
  try {
    const server = await (own ? own.lookup(address) : lookup(address))
    signal.throwIfAborted()
    const family = server.family === 6 ? 6 : 4
    socket = own ? await own.openUdp(family, source) : createSocket({ type: `udp${family}` })
    if (source && !own) await settled(socket, 'listening', (s) => s.bind(source.port ?? 0, source.address))
    await settled(socket, 'connect', (s) => s.connect(port, server.address))
    signal.throwIfAborted()
    return fromDatagramSocket(socket)
  } catch (error) {
    socket?.close()
    throw hostError(error, `${address}:${port}/udp`)
  }
}

function settled(socket: DatagramSocket, event: 'listening' | 'connect', begin: (socket: DatagramSocket) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      socket.off(event, done)
      socket.off('error', done)
      if (error) reject(error)
      else resolve()
    }
    socket.once(event, () => done())
    socket.once('error', done)
    begin(socket)
  })
}

const codes: Readonly<Record<string, string>> = {
  'flow.connect-refused': 'host.connect-refused',
  'flow.connect-timeout': 'host.connect-timeout',
  ECONNREFUSED: 'host.connect-refused',
  ETIMEDOUT: 'host.connect-timeout',
  ENOTFOUND: 'host.name-not-found',
  EAI_AGAIN: 'host.name-not-found',
  EADDRNOTAVAIL: 'host.source-unavailable',
}

function hostError(error: unknown, to: string): CodedError {
  const errno = errnoOf(error)
  const code = codes[errno ?? ''] ?? (isCodedError(error) ? codes[error.code] : undefined) ?? 'host.connect-failed'
  const why = errno ?? (error instanceof Error ? error.message : String(error))
  return new CodedError(code, `cannot connect to ${to}: ${why}`, { cause: error, detail: { errno } })
}

function errnoOf(error: unknown): string | undefined {
  if (isCodedError(error)) return typeof error.detail['errno'] === 'string' ? error.detail['errno'] : undefined
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
