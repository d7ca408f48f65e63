import type { Duplex } from 'node:stream'
import type { CodedError } from '../coded-error.ts'
import { createAbortedError, createAttachedError } from '../flow-error.ts'
import type { Flow, FlowHandler, FlowInfo, Hold, Release } from '../flow.ts'
import { holdCollected } from '../hold.ts'
import { answerUntaken, SendWindow } from '../send-window.ts'
import { StreamWriter } from './stream-writer.ts'
import { toTransportError } from './transport-error.ts'

export interface StreamFlowOptions {
  readonly info: FlowInfo
  readonly limitBytes: number
  /** The stream may still have a chunk when its write is done. */
  readonly keepsChunks: boolean
  /** Ends both halves of the stream at once; its 'close' event follows. */
  readonly destroy: (error: CodedError) => void
}

interface Early {
  readonly chunk: Uint8Array
  readonly release: Release
}

/**
 * A `Flow` over a Node stream.
 *
 * A stream may emit synchronously inside `write` (a `PassThrough` does): what arrives while the user is inside a call
 * of ours, or inside a callback, waits in `#early` for the next tick.
 */
export class StreamFlow implements Flow {
  readonly info: FlowInfo
  lateSends = 0
  readonly #stream: Duplex
  readonly #destroy: (error: CodedError) => void
  readonly #window: SendWindow
  readonly #writer: StreamWriter
  readonly #early: Early[] = []
  #handler: FlowHandler | undefined
  #started = false
  #paused = false
  #busy = false
  #settling = false
  #ended = false
  /** The peer's FIN has come; `end` has been called. */
  #peerEnded = false
  #endDelivered = false
  #error: CodedError | undefined
  #closed = false
  #closeDelivered = false

  constructor(stream: Duplex, options: StreamFlowOptions) {
    this.info = options.info
    this.#stream = stream
    this.#destroy = options.destroy
    this.#window = new SendWindow(options.limitBytes)
    this.#writer = new StreamWriter(stream, options.keepsChunks, this.#written)
    stream.pause()
    this.#peerEnded = stream.readableEnded
    if (stream.errored) this.#error = toTransportError(stream.errored)
    if (stream.closed) this.#onClose()
    stream.on('end', this.#onEnd)
    stream.on('error', (error: Error) => (this.#error ??= toTransportError(error)))
    stream.on('close', () => this.#onClose())
  }

  /** From here on `received` delivers. */
  get attached(): boolean {
    return this.#handler !== undefined
  }

  get queuedBytes(): number {
    return this.#closed ? 0 : this.#writer.queuedBytes
  }

  attach(handler: FlowHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    process.nextTick(() => {
      this.#started = true
      this.#stream.on('data', (chunk: Uint8Array) => this.received(chunk, holdCollected))
      this.#settle()
      if (!this.#paused && !this.#closed) this.#stream.resume()
    })
  }

  send(chunk: Uint8Array, release?: Release): boolean {
    const answer = answerUntaken(this, this.#window, chunk, release, this.#ended || this.#closed || this.#error !== undefined)
    if (answer !== undefined) return answer
    const nested = this.#busy
    this.#busy = true
    this.#writer.write(chunk, release)
    this.#busy = nested
    return this.#window.filled(this.#writer.queuedBytes)
  }

  end(): void {
    if (this.#ended || this.#closed || this.#error) return
    this.#ended = true
    const nested = this.#busy
    this.#busy = true
    this.#writer.end()
    this.#busy = nested
  }

  reset(error: CodedError): void {
    if (this.#closed || this.#error) return
    this.#error = error
    this.#writer.drop()
    const nested = this.#busy
    this.#busy = true
    this.#destroy(error)
    this.#busy = nested
  }

  pause(): void {
    this.#paused = true
    this.#stream.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (!this.#started) return
    if (this.#early.length > 0) this.#settleSoon()
    this.#stream.resume()
  }

  /** Takes one chunk: from the stream's 'data' events, or from whoever reads for it. */
  readonly received = (chunk: Uint8Array, hold: Hold): void => {
    const handler = this.#handler
    if (this.#error || chunk.length === 0) return
    if (!handler || !this.#started || this.#busy || this.#paused || this.#early.length > 0) {
      this.#early.push({ chunk, release: hold() })
      this.#settleSoon()
      return
    }
    this.#busy = true
    try {
      handler.data(chunk, hold)
    } finally {
      this.#busy = false
    }
  }

  readonly #written = (): void => {
    if (!this.#window.emptied(this.#writer.queuedBytes) || this.#ended || this.#closed || this.#error) return
    this.#call((handler) => handler.drain())
  }

  readonly #onEnd = (): void => {
    this.#peerEnded = true
    this.#settle()
  }

  #onClose(): void {
    if (this.#closed) return
    this.#closed = true
    // A flow whose two halves have ended is closed in order, whatever else happened.
    if (!this.#peerEnded || !this.#stream.writableFinished) this.#error ??= createAbortedError()
    this.#writer.drop()
    this.#settle()
  }

  #settleSoon(): void {
    if (this.#settling) return
    this.#settling = true
    process.nextTick(() => {
      this.#settling = false
      this.#settle()
    })
  }

  /** Delivers what had to wait, then the end, then the close. */
  #settle(): void {
    if (!this.#started || this.#closeDelivered) return
    if (this.#busy) return this.#settleSoon()
    while (this.#early.length > 0 && !this.#paused && !this.#error) this.#deliverEarly()
    const emptied = this.#early.length === 0
    if (emptied && this.#peerEnded && !this.#endDelivered && !this.#error) {
      this.#endDelivered = true
      this.#call((handler) => handler.end())
    }
    if (!this.#closed || !(emptied || this.#error)) return
    this.#closeDelivered = true
    this.#call((handler) => handler.close(this.#error))
  }

  #deliverEarly(): void {
    const early = this.#early.shift()
    if (!early) return
    let held = false
    const hold: Hold = () => {
      held = true
      return early.release
    }
    this.#call((handler) => handler.data(early.chunk, hold))
    if (!held) early.release()
  }

  #call(call: (handler: FlowHandler) => void): void {
    const handler = this.#handler
    if (!handler) return
    this.#busy = true
    try {
      call(handler)
    } finally {
      this.#busy = false
    }
  }
}
