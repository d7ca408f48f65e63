import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { HttpProbe } from './host-dialer.ts'
import type { OwnSockets, SocketTarget } from './socket-dialer.ts'

const maxBodyBytes = 64 * 1024

export async function probeHttp({ url, method, body }: HttpProbe, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const response = await fetch(url, { method, signal, redirect: 'manual', ...(body !== undefined && { body }) })
  return { status: response.status, body: await readText(response.body ?? []) }
}

/** The same over a socket of one's own, which `fetch` does not take. */
export function probeBySocket({ url, method, body }: HttpProbe, own: OwnSockets, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const { hostname, port, protocol } = new URL(url)
  const secure = protocol === 'https:'
  const target = { address: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (secure ? 443 : 80)) }
  const secured = (socket: Socket): Duplex => (secure ? connectTls({ socket, servername: target.address }) : socket)
  return new Promise((resolve, reject) => {
    const call = (secure ? requestHttps : requestHttp)(url, { method, signal, createConnection: connectionBy(own, target, signal, secured) })
    call.once('error', reject)
    call.once('response', (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, body: text }), reject)
    })
    call.end(body)
  })
}

type CreateConnection = (options: object, done: (error: Error | null, socket: Duplex) => void) => undefined

/** `createConnection` of `node:http`, which hears of the socket later. */
export function connectionBy(own: OwnSockets, target: SocketTarget, signal: AbortSignal, wrap = (socket: Socket): Duplex => socket): CreateConnection {
  return (_options, done) => {
    own.connectTcp(target, signal).then(
      (socket) => done(null, wrap(socket)),
      // The type has no place for an error without a socket.
      (error: unknown) => (done as (error: unknown) => void)(error),
    )
    return undefined
  }
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
