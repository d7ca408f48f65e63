import { once } from 'node:events'
import { Agent, type RequestOptions } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, createSecureContext, type ConnectionOptions, type SecureContext, type TLSSocket } from 'node:tls'
import { callbackify } from 'node:util'
import { CodedError, systemClock, type Clock } from '@tunnel/flow'
import { openSocket, unbracketed } from './open-socket.ts'
import type { NetworkPath, TlsCredentials } from './types.ts'

export interface TlsAgentOptions {
  readonly credentials: TlsCredentials
  readonly path: NetworkPath
  readonly clock?: Clock
  /**
   * Replaces the check of the certificate chain: gets the DER of the peer's leaf and rejects when it is not wanted.
   * For the bootstrap of an enrollment, where no chain is trusted yet (protocol section 1.4).
   */
  readonly pin?: (leaf: Buffer) => Promise<void>
}

// Controllers close idle connections after 5 s (the default of their web listener): we must be first, or a request
// races with the close.
const idleLimit = 4000
const connectLimit = 15_000

/**
 * Keep-alive connections of one identity. A socket is handed over only after the TLS handshake and the pin check, so
 * that no byte of a request reaches a peer that is not trusted.
 */
export class TlsAgent extends Agent {
  readonly #options: TlsAgentOptions
  readonly #context: SecureContext
  readonly #opening = new Set<AbortController>()

  constructor(options: TlsAgentOptions) {
    super({ keepAlive: true, maxSockets: 8, timeout: idleLimit })
    this.#options = options
    this.#context = secureContext(options.credentials)
  }

  override createConnection(options: RequestOptions, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    const target = { host: unbracketed(options.host ?? ''), port: Number(options.port) }
    callbackify(() => this.#open(target))((error, socket) => callback?.(error, socket))
  }

  override destroy(): void {
    for (const opening of this.#opening) opening.abort()
    super.destroy()
  }

  async #open(target: { host: string; port: number }): Promise<TLSSocket> {
    const opening = new AbortController()
    const cancel = (this.#options.clock ?? systemClock).after(connectLimit, () => {
      opening.abort(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }))
    })
    this.#opening.add(opening)
    try {
      const socket = await openSocket(target, this.#options.path, opening.signal)
      return await handshake({ ...this.#tlsOptions(target.host), socket }, this.#options.pin, opening.signal)
    } finally {
      cancel()
      this.#opening.delete(opening)
    }
  }

  #tlsOptions(host: string): ConnectionOptions {
    return {
      secureContext: this.#context,
      host,
      // RFC 6066 section 3: no address in SNI.
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: this.#options.pin === undefined,
    }
  }
}

/** Parsed once for all connections, and so that a broken PEM is found before anything is started. */
function secureContext(credentials: TlsCredentials): SecureContext {
  try {
    return createSecureContext(credentials)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError('identity.credentials', `Key, certificate or CA of the identity cannot be used: ${why}.`, { cause })
  }
}

async function handshake(options: ConnectionOptions, pin: TlsAgentOptions['pin'], signal: AbortSignal): Promise<TLSSocket> {
  const socket = connect(options)
  // `once` rejects with the first error; a later one must find a listener too.
  socket.on('error', () => {})
  const abort = () => socket.destroy(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([once(socket, 'secureConnect', { signal }), closed(socket)])
    await pin?.(socket.getPeerCertificate().raw)
    return socket
  } catch (error) {
    socket.destroy()
    // `once` hides the reason of the signal behind an AbortError.
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** A peer that ends the connection in the middle of the handshake makes no error event. */
function closed(socket: TLSSocket): Promise<never> {
  return new Promise((_resolve, reject) => {
    socket.once('close', () => reject(Object.assign(new Error('closed during the TLS handshake'), { code: 'ECONNRESET' })))
  })
}
