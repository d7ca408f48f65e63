import { connect, type Socket } from 'node:net'
import { CodedError } from '@tunnel/flow'
import type { NetworkPath } from '../controller/types.ts'

const answerLimitBytes = 16 * 1024

/** `CONNECT host:port` and what the proxy needs with it (RFC 9110 9.3.6, RFC 7617). */
export function connectRequest(proxy: URL, target: string): string {
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  const authorization = proxy.username === '' ? '' : `Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`
  return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`
}

/** The status of the proxy's answer and where its head ends; `undefined` while it is not whole. */
export function parseConnectAnswer(bytes: Buffer): { readonly status: number; readonly headBytes: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(bytes.toString('latin1', 0, end))
  return { status: status ? Number(status[1]) : 0, headBytes: end + 4 }
}

/** A connection to `host` by way of an HTTP proxy. */
export async function connectThroughProxy(proxyUrl: string, host: string, port: number, path: NetworkPath, signal: AbortSignal): Promise<Socket> {
  const proxy = new URL(proxyUrl)
  const at = { host: proxy.hostname.replace(/^\[|\]$/g, ''), port: Number(proxy.port) || 80 }
  const socket = path.connect ? await path.connect(at, signal) : connect({ ...at, ...(path.lookup && { lookup: path.lookup }) })
  const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  await converse(socket, connectRequest(proxy, target), signal, `${at.host}:${at.port}`)
  return socket
}

function converse(socket: Socket, request: string, signal: AbortSignal, proxy: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0)
    const settle = (error?: CodedError): void => {
      socket.off('data', read).off('error', failed).off('close', closed)
      signal.removeEventListener('abort', aborted)
      if (error === undefined) return resolve()
      socket.destroy()
      reject(error)
    }
    const read = (chunk: Buffer): void => {
      answer = Buffer.concat([answer, chunk])
      const parsed = parseConnectAnswer(answer)
      if (parsed === undefined) {
        if (answer.length > answerLimitBytes) settle(new CodedError('channel.proxy', `proxy ${proxy} answers with something that is not HTTP`))
        return
      }
      socket.pause()
      if (parsed.status !== 200) return settle(new CodedError('channel.proxy', `proxy ${proxy} refused the connection with status ${parsed.status}`))
      if (parsed.headBytes < answer.length) socket.unshift(answer.subarray(parsed.headBytes))
      settle()
    }
    const failed = (cause: Error): void => settle(new CodedError('channel.proxy', `proxy ${proxy} cannot be reached: ${cause.message}`, { cause }))
    const closed = (): void => settle(new CodedError('channel.proxy', `proxy ${proxy} closed the connection`))
    const aborted = (): void => settle(new CodedError('channel.aborted', 'connecting was given up'))
    signal.addEventListener('abort', aborted)
    socket.on('data', read).on('error', failed).on('close', closed)
    socket.write(request)
    if (signal.aborted) aborted()
  })
}
