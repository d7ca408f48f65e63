import { formatEndpoint, type Endpoint } from '@tunnel/flow'
import { openUdpSocket, ownMark, type BatchedUdpSocket } from '@tunnel/linux'

export interface ReplySocketsOptions {
  /** Sockets that stay open; the one that was used longest ago makes room. */
  readonly limit: number
  readonly onFailure: (error: unknown, from: Endpoint) => void
  readonly open?: (from: Endpoint) => Pick<BatchedUdpSocket, 'send' | 'close'>
}

/**
 * Sockets that are bound to original destinations, so that replies come from where the client sent to. One serves all
 * clients of a destination. They only send: what comes back goes by the firewall to the one socket that receives.
 */
export class ReplySockets {
  readonly #options: ReplySocketsOptions
  readonly #open: (from: Endpoint) => Pick<BatchedUdpSocket, 'send' | 'close'>
  /** In the order of their last use. */
  readonly #sockets = new Map<string, Pick<BatchedUdpSocket, 'send' | 'close'>>()

  constructor(options: ReplySocketsOptions) {
    this.#options = options
    this.#open = options.open ?? openTransparent
  }

  get size(): number {
    return this.#sockets.size
  }

  /** False: dropped. */
  send(datagram: Uint8Array, from: Endpoint, to: Endpoint): boolean {
    const socket = this.#socketOf(from)
    return socket?.send(datagram, to) ?? false
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #socketOf(from: Endpoint): Pick<BatchedUdpSocket, 'send' | 'close'> | undefined {
    const key = formatEndpoint(from)
    const present = this.#sockets.get(key)
    if (present) {
      this.#sockets.delete(key)
      this.#sockets.set(key, present)
      return present
    }
    try {
      const opened = this.#open(from)
      this.#sockets.set(key, opened)
      this.#makeRoom()
      return opened
    } catch (error) {
      this.#options.onFailure(error, from)
      return undefined
    }
  }

  #makeRoom(): void {
    for (const [key, socket] of this.#sockets) {
      if (this.#sockets.size <= this.#options.limit) return
      socket.close()
      this.#sockets.delete(key)
    }
  }
}

// The own mark: replies are not intercepted again, whatever the range that the client is in.
function openTransparent({ address, port }: Endpoint): BatchedUdpSocket {
  return openUdpSocket({ address, port, transparent: true, mark: ownMark, reuseAddress: true, receiveBufferBytes: 1 })
}

