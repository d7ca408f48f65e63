import type { Duplex } from 'node:stream'
import { type Clock, type Endpoint, type Milliseconds } from '@tunnel/flow'
import { answersQuery, freshId, idOf, withId, type Exchange } from './exchange.ts'
import { createFrameSplitter, frameOf } from './message-frames.ts'
import { unreachable } from './udp-exchange.ts'

export interface StreamExchangeOptions {
  readonly to: Endpoint
  readonly connect: (signal: AbortSignal) => Promise<Duplex>
  readonly clock: Clock
  /** The server must repeat the question in its upper and lower case. */
  readonly exactCase: boolean
  readonly onStray?: () => void
}

/** A connection without queries is closed after a few seconds (RFC 7766 6.2.3). */
const idleClose: Milliseconds = 5000

interface Waiting {
  readonly query: Uint8Array
  readonly resolve: (response: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

/**
 * Queries over one connection, sent without waiting for the answers of those before, which may come in any order
 * (RFC 7766 6.2.1.1). A connection that the server has closed meanwhile is opened anew.
 */
export function createStreamExchange(options: StreamExchangeOptions): Exchange {
  let current: StreamConnection | undefined
  let isClosed = false

  const connection = (): { used: StreamConnection; isFresh: boolean } => {
    if (current?.isOpen) return { used: current, isFresh: false }
    current = new StreamConnection(options)
    return { used: current, isFresh: true }
  }
  return {
    async ask(query, signal) {
      for (;;) {
        signal.throwIfAborted()
        if (isClosed) throw unreachable(options.to, 'closed')
        const { used, isFresh } = connection()
        try {
          return await used.ask(query, signal)
        } catch (error) {
          // A server may close an idle connection just when we send (RFC 7766 6.2.4): not its fault, nor the query's.
          if (isFresh || signal.aborted) throw error
          used.close(error)
        }
      }
    },
    close() {
      isClosed = true
      current?.close(unreachable(options.to, 'closed'))
    },
  }
}

class StreamConnection {
  isOpen = true
  readonly #options: StreamExchangeOptions
  readonly #waiting = new Map<number, Waiting>()
  readonly #connecting = new AbortController()
  readonly #socket: Promise<Duplex>
  #cancelIdle: () => void = () => {}
  #heard = false

  constructor(options: StreamExchangeOptions) {
    this.#options = options
    this.#socket = this.#connect()
    this.#socket.catch((error: unknown) => this.close(unreachable(options.to, error instanceof Error ? error.message : String(error), error)))
  }

  ask(query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const id = freshId(this.#waiting)
    if (id === undefined) return Promise.reject(unreachable(this.#options.to, 'too many queries wait for an answer'))
    this.#cancelIdle()
    return new Promise((resolve, reject) => {
      const sent = withId(query, id)
      const onAbort = (): void => {
        this.#waiting.delete(id)
        reject(signal.reason)
        // Nothing was heard on it for as long as somebody had patience: it may lead nowhere.
        if (this.#heard) this.#restIfIdle()
        else if (this.#waiting.size === 0) this.close(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const settled = (): void => signal.removeEventListener('abort', onAbort)
      this.#waiting.set(id, {
        query: sent,
        resolve: (response) => (settled(), resolve(response)),
        reject: (error) => (settled(), reject(error)),
      })
      this.#heard = false
      void this.#send(sent)
    })
  }

  close(error: unknown): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#cancelIdle()
    this.#connecting.abort()
    void this.#destroy()
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  async #destroy(): Promise<void> {
    try {
      ;(await this.#socket).destroy()
    } catch {
      // There never was one.
    }
  }

  async #connect(): Promise<Duplex> {
    const socket = await this.#options.connect(this.#connecting.signal)
    const split = createFrameSplitter((message) => this.#received(message))
    const ended = (error?: Error): void => this.close(unreachable(this.#options.to, error?.message ?? 'it closed the connection', error))
    socket.on('data', (chunk: Uint8Array) => this.isOpen && split(chunk))
    socket.on('error', ended)
    socket.on('end', () => ended())
    socket.on('close', () => ended())
    return socket
  }

  async #send(query: Uint8Array): Promise<void> {
    try {
      const socket = await this.#socket
      if (this.isOpen) socket.write(frameOf(query))
    } catch {
      // It could not be opened: all who wait have been told.
    }
  }

  #received(message: Uint8Array): void {
    this.#heard = true
    const id = idOf(message)
    const waiting = this.#waiting.get(id)
    if (!waiting || !answersQuery(waiting.query, message, this.#options.exactCase)) return this.#options.onStray?.()
    this.#waiting.delete(id)
    waiting.resolve(message)
    this.#restIfIdle()
  }

  #restIfIdle(): void {
    if (this.#waiting.size > 0 || !this.isOpen) return
    this.#cancelIdle()
    this.#cancelIdle = this.#options.clock.after(idleClose, () => this.close(unreachable(this.#options.to, 'idle')))
  }
}
