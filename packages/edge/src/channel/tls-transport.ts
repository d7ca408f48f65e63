import { isIP, type Socket } from 'node:net'
import { connect, type ConnectionOptions as TlsOptions, type TLSSocket } from 'node:tls'
import { CodedError, toCodedError, type Milliseconds } from '@tunnel/flow'
import { connectOwn } from './connect-own.ts'
import { openSocket } from '../controller/open-socket.ts'
import type { NetworkPath, RouterAddress, TlsCredentials } from '../controller/types.ts'
import type { Channel, ChannelTransport } from './channel.ts'

export interface TlsTransportOptions {
  readonly router: Pick<RouterAddress, 'host' | 'port' | 'url'>
  readonly credentials: TlsCredentials
  readonly path: NetworkPath
}

const keepAliveDelay: Milliseconds = 30_000

/** TLS below a channel. Bytes are read into the tail of the channel's reader and written from its writer's slabs, with no copy. */
export class TlsTransport implements ChannelTransport {
  readonly #options: TlsTransportOptions
  #socket: TLSSocket | undefined

  constructor(options: TlsTransportOptions) {
    this.#options = options
  }

  /** Resolves after the handshake. From then on `channel` is fed, and told when all is over. */
  async connect(channel: Channel, signal: AbortSignal): Promise<void> {
    const socket = await this.#dial(channel, signal)
    this.#socket = socket
    await handshake(socket, signal, this.#options.router.url)
    let cause: Error | undefined
    socket.on('error', (error) => (cause = error))
    socket.on('close', () => channel.lost(cause))
    if (socket.destroyed) channel.lost()
  }

  write(bytes: Uint8Array, written: () => void): void {
    const socket = this.#socket
    if (socket === undefined || socket.destroyed) return
    socket.write(bytes, (error) => {
      // After an error the slab may still be read; it is left to the garbage collector.
      if (!error) written()
    })
  }

  pauseReading(): void {
    this.#socket?.pause()
  }

  resumeReading(): void {
    this.#socket?.resume()
  }

  close(): Promise<void> {
    const socket = this.#socket
    if (socket === undefined || socket.destroyed) return Promise.resolve()
    return new Promise((resolve) => {
      // What was written goes out first, but a peer that does not read cannot keep the socket.
      const timer = setTimeout(() => socket.destroy(), closeTime)
      socket.on('close', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.end(() => socket.destroy())
    })
  }

  async #ownSocket(signal: AbortSignal): Promise<Socket> {
    const { router, path } = this.#options
    try {
      return await openSocket(router, path, signal)
    } catch (error) {
      throw unreachable(router.url, toCodedError(error, 'channel.unreachable'))
    }
  }

  async #dial(channel: Channel, signal: AbortSignal): Promise<TLSSocket> {
    const { router, credentials, path } = this.#options
    const { host, port } = router
    const options: TlsOptions = {
      ...credentials,
      host,
      port,
      // An IP address is no server name (RFC 6066 3); the certificate is checked against `host` all the same.
      ...(isIP(host) === 0 && { servername: host }),
      ALPNProtocols: ['ziti-edge'],
      minVersion: 'TLSv1.2',
    }
    const { reader } = channel
    const onread = { buffer: () => reader.tail(), callback: (bytes: number) => (reader.filled(bytes), true) }
    if (path.proxy === undefined && path.sockets !== undefined) {
      return tuned(await connectOwn({ ...options, onread } as TlsOptions, path.sockets, signal).catch((error: unknown) => {
        throw unreachable(router.url, toCodedError(error, 'channel.unreachable'))
      }))
    }
    if (path.proxy !== undefined || path.connect !== undefined) {
      // Node ignores `onread` on a socket that is given to it, so these bytes are copied once.
      const secured = connect({ ...options, socket: await this.#ownSocket(signal) })
      return tuned(secured).on('data', (chunk: Uint8Array) => channel.reader.push(chunk))
    }
    return tuned(connect({ ...options, ...(path.lookup && { lookup: path.lookup }), onread } as TlsOptions))
  }
}

/** Time for the last bytes to go out. */
const closeTime: Milliseconds = 2_000

const tuned = (socket: TLSSocket): TLSSocket => {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, keepAliveDelay)
  return socket
}

const unreachable = (url: string, cause: Error): CodedError =>
  new CodedError('channel.unreachable', `router ${url} cannot be reached: ${cause.message}`, { cause })

function handshake(socket: TLSSocket, signal: AbortSignal, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: CodedError): void => {
      socket.off('secureConnect', connected).off('error', failed).off('close', closed)
      signal.removeEventListener('abort', aborted)
      if (error === undefined) return resolve()
      socket.on('error', () => {}).destroy()
      reject(error)
    }
    const connected = (): void => settle()
    const failed = (cause: Error): void => settle(unreachable(url, cause))
    const closed = (): void => settle(new CodedError('channel.unreachable', `router ${url} closed the connection in the handshake`))
    const aborted = (): void => settle(new CodedError('channel.aborted', `connecting to router ${url} was given up`))
    signal.addEventListener('abort', aborted)
    socket.on('secureConnect', connected).on('error', failed).on('close', closed)
    if (signal.aborted) aborted()
  })
}
