import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { CodedError } from '@tunnel/flow'
import type { NetworkPath } from './types.ts'

export interface Target {
  readonly host: string
  readonly port: number
}

/** A connected TCP socket to `target`, by the way that `path` describes. Rejects with the plain error of the system. After that `signal` means nothing to it. */
export async function openSocket(target: Target, path: NetworkPath, signal: AbortSignal): Promise<Socket> {
  // Sockets listen to the signal that they were made with as long as they live; this one is silent once they are connected.
  const opening = new AbortController()
  const abort = () => opening.abort(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  try {
    if (path.proxy !== undefined) return await connectThroughProxy(target, path.proxy, path, opening.signal)
    return await openDirect(target, path, opening.signal)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function openDirect(target: Target, path: NetworkPath, signal: AbortSignal): Promise<Socket> {
  if (path.connect !== undefined) return path.connect(target, signal)
  return new Promise((resolve, reject) => {
    const lookup = path.lookup === undefined ? {} : { lookup: path.lookup }
    const socket = connect({ host: target.host, port: target.port, noDelay: true, signal, ...lookup })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

/** HTTP CONNECT (RFC 9110 9.3.6). The error never shows the proxy's password. */
async function connectThroughProxy(target: Target, proxy: string, path: NetworkPath, signal: AbortSignal): Promise<Socket> {
  const url = parseProxy(proxy)
  const lost = (error: unknown): unknown => (signal.aborted ? error : proxyUnreachable(url, error))
  const tunnel = await openDirect({ host: unbracketed(url.hostname), port: Number(url.port || 80) }, path, signal).catch((error: unknown) => {
    throw lost(error)
  })
  const authority = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`
  return new Promise((resolve, reject) => {
    const call = request({
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...proxyAuthorization(url) },
      signal,
      createConnection: () => tunnel,
    })
    call.once('error', (error) => reject(lost(error)))
    call.once('response', (response) => {
      response.resume()
      reject(proxyRefusal(url, response.statusCode))
    })
    call.once('connect', (response, socket, head) => {
      if (response.statusCode === undefined || response.statusCode < 200 || response.statusCode > 299) {
        socket.destroy()
        reject(proxyRefusal(url, response.statusCode))
        return
      }
      if (head.length > 0) socket.unshift(head)
      resolve(socket as Socket)
    })
    call.end()
  })
}

function parseProxy(proxy: string): URL {
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined
  if (url?.protocol === 'http:' && url.hostname !== '') return url
  throw new CodedError('controller.proxy', 'The proxy is not of the form http://[user:password@]host:port.')
}

function proxyRefusal(url: URL, status: number | undefined): CodedError {
  const why = status === 407 ? 'it wants other credentials (status 407)' : `status ${status ?? 'unknown'}`
  return new CodedError('controller.proxy', `Proxy ${url.host} refused the connection: ${why}.`, { detail: { status } })
}

/** The controller's code: for who waits and tries again it is the same. */
function proxyUnreachable(url: URL, cause: unknown): CodedError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new CodedError('controller.unreachable', `Proxy ${url.host} cannot be used: ${why}. Check its address, and that it runs.`, { cause })
}

function proxyAuthorization(url: URL): Record<string, string> {
  if (url.username === '' && url.password === '') return {}
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}

export function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}
