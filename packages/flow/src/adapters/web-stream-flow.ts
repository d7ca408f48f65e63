import { isCodedError, type CodedError } from '../coded-error.ts'
import { createAbortedError, createAttachedError, createResetError } from '../flow-error.ts'
import type { Flow, FlowHandler, FlowInfo, Release } from '../flow.ts'
import { collected, copyBytes, holdCollected } from '../hold.ts'
import { answerUntaken, SendWindow } from '../send-window.ts'
import type { WebStreamPair } from './web-streams.ts'

export interface WebStreamFlowOptions {
  /** Bytes that may wait in the writable before `send` returns false. Default 256 KiB. */
  readonly limitBytes?: number
  readonly info?: FlowInfo
}

/** A pair of web streams (of a `WebTransport`, a `TransformStream`, a WinterTC socket) as a `Flow`. It locks both. */
export function fromWebStreams(streams: WebStreamPair, options: WebStreamFlowOptions = {}): Flow {
  return new WebStreamFlow(streams, options.info ?? { protocol: 'tcp' }, options.limitBytes ?? 256 * 1024)
}

class WebStreamFlow implements Flow {
  readonly info: FlowInfo
  lateSends = 0
  queuedBytes = 0
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #window: SendWindow
  #handler: FlowHandler | undefined
  #paused = false
  #reading = false
  /** A chunk that came after `pause`. */
  #early: Uint8Array | undefined
  #ended = false
  #endWritten = false
  #peerEnded = false
  #error: CodedError | undefined
  #closeScheduled = false

  constructor({ readable, writable }: WebStreamPair, info: FlowInfo, limitBytes: number) {
    this.info = info
    this.#reader = readable.getReader()
    this.#writer = writable.getWriter()
    this.#window = new SendWindow(limitBytes)
    this.#writer.closed.catch((error: unknown) => this.#fail(error))
  }

  attach(handler: FlowHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    queueMicrotask(() => {
      this.#closeIfDone()
      void this.#read(handler)
    })
  }

  send(chunk: Uint8Array, release?: Release): boolean {
    const answer = answerUntaken(this, this.#window, chunk, release, this.#ended || this.#error !== undefined)
    if (answer !== undefined) return answer
    this.queuedBytes += chunk.length
    // A web stream keeps what it is given: it may sit in a queue long after the write is done.
    const given = release === collected ? chunk : copyBytes(chunk)
    release?.()
    const written = () => this.#written(given.length)
    this.#writer.write(given).then(written, written)
    return this.#window.filled(this.queuedBytes)
  }

  end(): void {
    if (this.#ended || this.#error) return
    this.#ended = true
    this.#writer.close().then(
      () => {
        this.#endWritten = true
        this.#closeIfDone()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  reset(error: CodedError): void {
    if (this.#error || this.#closeScheduled) return
    this.#fail(error)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    const handler = this.#handler
    if (handler) queueMicrotask(() => void this.#read(handler))
  }

  /** One reader at a time; it stops at `pause`, at the end and at an error. */
  async #read(handler: FlowHandler): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    while (!this.#paused && !this.#peerEnded && !this.#error) await this.#readOne(handler)
    this.#reading = false
  }

  async #readOne(handler: FlowHandler): Promise<void> {
    if (!this.#early) {
      const read = await this.#reader.read().catch((error: unknown) => this.#fail(error))
      if (!read || this.#error) return
      if (read.done) {
        this.#peerEnded = true
        handler.end()
        this.#closeIfDone()
        return
      }
      if (read.value.length > 0) this.#early = read.value
    }
    const chunk = this.#early
    if (!chunk || this.#paused) return
    this.#early = undefined
    handler.data(chunk, holdCollected)
  }

  #written(bytes: number): void {
    if (this.#error) return
    this.queuedBytes -= bytes
    if (this.#window.emptied(this.queuedBytes) && !this.#ended) this.#handler?.drain()
  }

  #fail(reason: unknown): void {
    if (this.#error || this.#closeScheduled) return
    const error = isCodedError(reason) ? reason : reason === undefined ? createAbortedError() : createResetError(reason)
    this.#error = error
    this.queuedBytes = 0
    this.#early = undefined
    this.#reader.cancel(error).catch(() => {})
    this.#writer.abort(error).catch(() => {})
    this.#closeIfDone()
  }

  #closeIfDone(): void {
    if (!this.#handler || this.#closeScheduled) return
    if (!this.#error && !(this.#peerEnded && this.#endWritten)) return
    this.#closeScheduled = true
    const handler = this.#handler
    queueMicrotask(() => handler.close(this.#error))
  }
}
