import type { Clock, Endpoint, Milliseconds } from '@tunnel/flow'
import { headerBytes, maxMessageBytes } from '../message/header.ts'
import type { Answerer, Caller } from './answerer.ts'
import { count, type Counts } from './counters.ts'
import type { QueryContext } from './query-context.ts'
import type { DnsServerLimits } from './server.ts'

/** The connection under a session. `write` takes a copy or the bytes for good. */
export interface StreamTransport {
  write(frame: Uint8Array): void
  /** Bytes that were written and that the client has not taken yet. */
  readonly unsentBytes: number
  pause(): void
  resume(): void
  /** In order. Called when nothing is unsent. */
  end(): void
  /** At once. */
  destroy(): void
}

/** Why we closed a connection. */
export type DisconnectReason = 'idle' | 'unread' | 'framing' | 'crowded'

export interface StreamSessionOptions {
  readonly answerer: Answerer
  readonly transport: StreamTransport
  readonly client: Endpoint
  readonly limits: DnsServerLimits
  readonly counts: Counts
  readonly clock: Clock
  readonly onClose: () => void
}

/**
 * Questions over one TCP connection (RFC 7766): messages behind a 16-bit length, many at once, answered in whatever order they are done. Without a
 * socket, so that it can be given anything. One that reads no answers is no longer read itself, and in the end closed.
 */
export class StreamSession implements Caller {
  readonly transport = 'tcp'
  readonly client: Endpoint
  readonly #options: StreamSessionOptions
  /** The frame that has begun: its length first. */
  #frame: Uint8Array = new Uint8Array(2)
  #filled = 0
  #inLength = true
  readonly #pending = new Set<QueryContext>()
  /** Came while the session was not reading: the rest of one chunk. */
  #held: Uint8Array | undefined
  #paused = false
  #reading = false
  #ended = false
  #closed = false
  #lastActive: Milliseconds
  #cancelIdle: () => void

  constructor(options: StreamSessionOptions) {
    this.#options = options
    this.client = options.client
    this.#lastActive = options.clock.now()
    this.#cancelIdle = options.clock.after(options.limits.connectionIdle, this.#onIdle)
  }

  /** Nothing is asked or on its way: it may be closed for another that needs the place. */
  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#options.transport.unsentBytes === 0
  }

  limitFor(): number {
    return maxMessageBytes
  }

  defer(context: QueryContext): (response: Uint8Array | undefined) => void {
    this.#pending.add(context)
    return (response) => {
      this.#pending.delete(context)
      if (this.#closed) return
      this.#lastActive = this.#options.clock.now()
      if (response) this.#write(response)
      this.#resume()
    }
  }

  /** Bytes of the client. They are borrowed, but while the transport is paused they are kept. */
  push(chunk: Uint8Array): void {
    if (this.#closed) return
    if (this.#held) this.#held = concat(this.#held, chunk)
    else this.#read(chunk)
  }

  /** The client ends its direction: what it has asked is still answered. */
  end(): void {
    this.#ended = true
    this.#endWhenDone()
  }

  /** The transport has handed on all that was written. */
  drained(): void {
    if (this.#closed) return
    this.#lastActive = this.#options.clock.now()
    this.#resume()
  }

  /** The connection is gone. */
  lost(): void {
    if (this.#closed) return
    this.#closed = true
    this.#held = undefined
    this.#frame = new Uint8Array(0)
    this.#cancelIdle()
    for (const context of this.#pending) context.abort()
    this.#pending.clear()
    this.#options.onClose()
  }

  close(reason?: DisconnectReason): void {
    if (this.#closed) return
    if (reason) count(this.#options.counts.disconnected, reason)
    this.lost()
    const { transport } = this.#options
    // Who does not read would keep an orderly end waiting for ever.
    if (transport.unsentBytes > 0) transport.destroy()
    else transport.end()
  }

  #read(chunk: Uint8Array): void {
    // Answers that are written here may drain and call back: one loop at a time.
    this.#reading = true
    let at = 0
    while (at < chunk.length && !this.#closed) {
      if (this.#mustWait()) {
        this.#hold(chunk.slice(at))
        break
      }
      at = this.#take(chunk, at)
    }
    this.#reading = false
    this.#endWhenDone()
  }

  /** Takes what the present frame needs. Gives where the rest begins. */
  #take(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#frame.length - this.#filled)
    this.#frame.set(chunk.subarray(at, end), this.#filled)
    this.#filled += end - at
    if (this.#filled < this.#frame.length) return end
    const frame = this.#frame
    this.#filled = 0
    if (this.#inLength) {
      const length = (frame[0] ?? 0) * 256 + (frame[1] ?? 0)
      // What is no DNS message by its length is no DNS client: where its next message begins, nobody knows.
      if (length < headerBytes) this.close('framing')
      this.#inLength = false
      this.#frame = new Uint8Array(length)
      return end
    }
    this.#inLength = true
    this.#frame = new Uint8Array(2)
    this.#lastActive = this.#options.clock.now()
    const response = this.#options.answerer.answer(frame, this)
    if (response) this.#write(response)
    return end
  }

  #write(response: Uint8Array): void {
    const { transport, limits } = this.#options
    const frame = new Uint8Array(response.length + 2)
    frame[0] = response.length >>> 8
    frame[1] = response.length & 0xff
    frame.set(response, 2)
    transport.write(frame)
    if (transport.unsentBytes > 4 * limits.unsentBytes) this.close('unread')
  }

  #mustWait(): boolean {
    const { transport, limits } = this.#options
    return this.#pending.size >= limits.pipelined || transport.unsentBytes > limits.unsentBytes
  }

  #hold(rest: Uint8Array): void {
    this.#held = rest
    if (this.#paused) return
    this.#paused = true
    this.#options.transport.pause()
  }

  #resume(): void {
    if (this.#reading) return
    const held = this.#held
    if (held && !this.#mustWait()) {
      this.#held = undefined
      this.#read(held)
    }
    if (this.#paused && !this.#held && !this.#closed) {
      this.#paused = false
      this.#options.transport.resume()
    }
    this.#endWhenDone()
  }

  #endWhenDone(): void {
    if (this.#ended && !this.#held && this.isIdle) this.close()
  }

  /** One timer per connection, set anew only when it fires: not for each question. */
  readonly #onIdle = (): void => {
    const { clock, limits, transport } = this.#options
    const left = this.#lastActive + limits.connectionIdle - clock.now()
    // Who waits for us is not idle: the answer comes, or the server's own time-out.
    if (left > 0) this.#cancelIdle = clock.after(left, this.#onIdle)
    else if (this.#pending.size > 0 && transport.unsentBytes === 0) this.#cancelIdle = clock.after(limits.connectionIdle, this.#onIdle)
    else this.close(transport.unsentBytes > 0 ? 'unread' : 'idle')
  }
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length)
  both.set(left)
  both.set(right, left.length)
  return both
}
