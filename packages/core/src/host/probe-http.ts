import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { HttpProbe } from './host-dialer.ts'
import type { OwnSockets } from './socket-dialer.ts'

const maxBodyBytes = 64 * 1024

export async function probeHttp({ url, method, body }: HttpProbe, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const response = await fetch(url, { method, signal, redirect: 'manual', ...(body !== undefined && { body }) })
  return { status: response.status, body: await readText(response.body ?? []) }
}

/** The same over a socket of one's own, which `fetch` does not take. */
export async function probeBySocket({ url, method, body }: HttpProbe, own: OwnSockets, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const { hostname, port, protocol } = new URL(url)
  const secure = protocol === 'https:'
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = await own.connectTcp({ address: host, port: Number(port || (secure ? 443 : 80)) }, signal)
  // SNI has no place for addresses (RFC 6066 section 3).
  const createConnection = (): Duplex => (secure ? connectTls({ socket, host, servername: isIP(host) === 0 ? host : '' }) : socket)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = (secure ? requestHttps : requestHttp)(url, { method, signal, createConnection })
    call.once('error', reject).once('response', resolve).end(body)
  })
  return { status: response.statusCode ?? 0, body: await readText(response) }
}

async function readText(chunks: AsyncIterable<unknown> | Iterable<unknown>): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of chunks) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length >= maxBodyBytes) break
  }
  return text.slice(0, maxBodyBytes)
}
