import { isIPv6 } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { CodedError } from '@tunnel/flow'
import { connectFirst } from '@tunnel/flow/node'
import type { SocketSource } from '../controller/types.ts'

/**
 * TLS over a descriptor of one's own. A socket that is given to `tls.connect` is never read by `onread`, which costs as much
 * CPU time again as all else that a channel does (measured); a descriptor below a socket that Node makes has no such price.
 * Resolves when TCP is connected, to the first of the host's addresses that answers; the handshake goes on.
 */
export async function connectOwn(options: ConnectionOptions, sockets: SocketSource, signal: AbortSignal): Promise<TLSSocket> {
  const addresses = await sockets.resolve(options.host ?? '')
  return connectFirst(addresses, (address, attempt) => connectOne({ ...options, host: address }, sockets, attempt), signal)
}

function connectOne(options: ConnectionOptions, sockets: SocketSource, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(options)
    const settle = (error?: Error): void => {
      signal.removeEventListener('abort', aborted)
      socket.off('connect', connected).off('error', settle)
      if (error === undefined) return resolve(socket)
      socket.on('error', () => {}).destroy()
      reject(error)
    }
    const connected = (): void => settle()
    const aborted = (): void => settle(signal.reason as Error)
    signal.addEventListener('abort', aborted)
    socket.on('connect', connected).on('error', settle)
    // Node connects in the next tick at the earliest: until then its handle has no descriptor.
    if (!takeDescriptor(socket, sockets.open(isIPv6(options.host ?? '') ? 6 : 4))) settle(unsupported())
  })
}

/** What a handle of libuv has in every version since Node 12, yet undocumented. */
interface Internals {
  readonly _handle?: { open?(descriptor: number): number } | null
}

function takeDescriptor(socket: TLSSocket & Internals, descriptor: number): boolean {
  return socket._handle?.open?.(descriptor) === 0
}

const unsupported = (): CodedError => new CodedError('channel.unreachable', `Node ${process.version} does not take a socket of one's own`)
