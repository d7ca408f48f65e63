import { createSocket } from 'node:dgram'
import type { Socket as DatagramSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { CodedError, isCodedError } from '@tunnel/flow'
import type { DatagramFlow, Flow } from '@tunnel/flow'
import { connectFlow, fromDatagramSocket, fromSocket } from '@tunnel/flow/node'
import type { HostDialer, HttpProbe, ServerTarget } from './host-dialer.ts'

const MAX_BODY_BYTES = 64 * 1024

/** Reaches servers by the sockets of the operating system. The only file of this package that needs Node. */
export function createSocketDialer(): HostDialer {
  return {
    connectTcp: (target, signal) => (target.proxy === undefined ? connectDirect(target, signal) : connectByProxy(target, target.proxy, signal)),
    connectUdp,
    probeHttp,
  }
}

async function connectDirect({ address, port, source }: ServerTarget, signal: AbortSignal): Promise<Flow> {
  try {
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

/** Protocol section 5.6, rule 6. */
function connectByProxy({ address, port, source }: ServerTarget, proxy: string, signal: AbortSignal): Promise<Flow> {
  const authority = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  const [, proxyHost = '', proxyPort = '80'] = /^(?:http:\/\/)?\[?([^\]/]*?)\]?(?::(\d+))?\/?$/.exec(proxy) ?? []
  return new Promise((resolve, reject) => {
    const failed = (why: string, cause?: unknown): void =>
      reject(new CodedError('host.proxy-failed', `proxy ${proxy} does not connect to ${authority}: ${why}`, { cause }))
    const connecting = request({
      method: 'CONNECT',
      path: authority,
      headers: { host: authority },
      signal,
      // Without an agent: the socket is ours, and nobody else's after this.
      createConnection: () =>
        connect({ host: proxyHost, port: Number(proxyPort), allowHalfOpen: true, ...(source && { localAddress: source.address }) }),
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

async function connectUdp({ address, port, source }: ServerTarget, signal: AbortSignal): Promise<DatagramFlow> {
  let socket: DatagramSocket | undefined
  try {
    const server = await lookup(address)
    signal.throwIfAborted()
    socket = createSocket({ type: server.family === 6 ? 'udp6' : 'udp4' })
    if (source) await settled(socket, 'listening', (s) => s.bind(source.port ?? 0, source.address))
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

async function probeHttp({ url, method, body }: HttpProbe, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const response = await fetch(url, { method, signal, redirect: 'manual', ...(body !== undefined && { body }) })
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length >= MAX_BODY_BYTES) break
  }
  return { status: response.status, body: text.slice(0, MAX_BODY_BYTES) }
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
