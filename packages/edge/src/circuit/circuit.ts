import { CodedError, copyBytes, createAttachedError, createOverrunError, holdCollected, type Flow, type FlowHandler, type FlowInfo, type Hold, type Release } from '@tunnel/flow'
import { unsentLimitBytes } from '../channel/channel.ts'
import { DataFlag } from '../wire.ts'
import type { Connection, ConnectionEvents } from './connection.ts'
import { isOrderlyClose } from './close-reason.ts'
import { parseMultipart } from './multipart.ts'
import { ReceiveQueue } from './receive-queue.ts'

/**
 * Received bytes kept for a paused flow; more where others share its channel, out of the channel's `receiveRoom`. Beyond, the
 * whole channel stops reading until half of them are taken.
 */
export const receiveLimitBytes = 1024 * 1024

interface Closing {
  readonly error?: CodedError
  /** Data that came before is delivered first. */
  readonly afterData: boolean
}

/** A circuit to a service as a `Flow`. */
export class Circuit implements Flow {
  readonly info: FlowInfo
  readonly #connection: Connection
  readonly #queue = new ReceiveQueue()
  #handler: FlowHandler | undefined
  #paused = false
  #turnPending = false
  /** FIN: ours was sent, theirs came, theirs was told. */
  #ended = false
  #peerEnded = false
  #endTold = false
  #closing: Closing | undefined
  #closeTold = false
  #full: 'no' | 'told' | 'one-more' = 'no'
  #queued = 0
  /** What the queue has of the channel's `receiveRoom`. */
  #borrowed = 0
  #lateSends = 0

  constructor(connection: Connection, info: FlowInfo) {
    this.#connection = connection
    this.info = info
    connection.listen(this.#events())
  }

  get queuedBytes(): number {
    if (this.#closing) return 0
    return this.#connection.state === 'opening' ? this.#queued : Math.min(this.#queued, this.#connection.unsentBytes)
  }

  get lateSends(): number {
    return this.#lateSends
  }

  attach(handler: FlowHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    // A drain that came while there was nobody to tell is due now.
    if (this.#full !== 'no' && this.#connection.state === 'open') this.#connection.channel.awaitDrain(this.#connection)
    this.#advanceSoon()
  }

  send(chunk: Uint8Array, release?: Release): boolean {
    const accepted = this.#send(chunk)
    release?.()
    return accepted
  }

  end(): void {
    if (this.#ended || this.#closing) return
    this.#ended = true
    this.#connection.fin()
    this.#closeIfBothEnded()
    this.#advanceSoon()
  }

  reset(error: CodedError): void {
    if (this.#closeTold || (this.#closing && !this.#closing.afterData)) return
    this.#connection.reset(error.code)
    this.#closing = { error, afterData: false }
    this.#discard()
    this.#advanceSoon()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#advanceSoon()
  }

  #send(chunk: Uint8Array): boolean {
    if (this.#ended || this.#closing) {
      this.#lateSends += 1
      return true
    }
    if (this.#full === 'one-more') {
      this.reset(createOverrunError(this.queuedBytes, unsentLimitBytes))
      return false
    }
    if (chunk.length > 0) {
      if (this.#queuedBytesAreGone()) this.#queued = 0
      this.#queued += chunk.length
      this.#connection.send(chunk)
    }
    return this.#hasRoom()
  }

  #queuedBytesAreGone(): boolean {
    return this.#connection.state === 'open' && this.#connection.unsentBytes === 0
  }

  #hasRoom(): boolean {
    if (this.#full === 'told') {
      this.#full = 'one-more'
      return false
    }
    const waiting = this.#connection.state === 'opening'
    if (!waiting && !this.#connection.channel.full) return true
    this.#full = 'told'
    if (!waiting) this.#connection.channel.awaitDrain(this.#connection)
    return false
  }

  #events(): ConnectionEvents {
    return {
      message: (body, flags, hold) => this.#message(body, flags, hold),
      fin: () => {
        this.#peerEnded = true
        this.#closeIfBothEnded()
        this.#advance()
      },
      drained: () => {
        if (this.#full === 'no' || this.#closing || this.#handler === undefined) return
        this.#full = 'no'
        this.#handler.drain()
      },
      peerClosed: (reason) => this.#peerClosed(reason),
      failed: (error) => {
        this.#closing = { error, afterData: false }
        this.#discard()
        this.#advanceSoon()
      },
    }
  }

  #message(body: Uint8Array, flags: number, hold: Hold): void {
    if (this.#peerEnded || this.#closing || body.length === 0) return
    if ((flags & DataFlag.MultipartMessage) === 0) return this.#receive(body, hold)
    const parts = parseMultipart(body)
    if (parts === undefined) return this.reset(new CodedError('circuit.malformed', 'a multipart message has parts that do not fit it'))
    // Several parts share one hold: each gets a copy instead. Streams seldom get such messages.
    for (const part of parts) if (part.length > 0 && !this.#closing) this.#receive(copyBytes(part), holdCollected)
  }

  #receive(chunk: Uint8Array, hold: Hold): void {
    if (this.#handler && !this.#paused && this.#queue.empty) return this.#handler.data(chunk, hold)
    this.#queue.push(chunk)
    if (!this.#hasPlace()) this.#connection.channel.holdReading(this.#connection)
  }

  #hasPlace(): boolean {
    const { connections, receiveRoom } = this.#connection.channel
    const beyond = Math.max(0, this.#queue.bytes - receiveLimitBytes)
    if (beyond <= this.#borrowed) return true
    if (connections.size < 2 || !receiveRoom.change(this.#borrowed, beyond)) return false
    this.#borrowed = beyond
    return true
  }

  #giveBack(): void {
    const beyond = Math.max(0, this.#queue.bytes - receiveLimitBytes)
    if (beyond >= this.#borrowed) return
    this.#connection.channel.receiveRoom.change(this.#borrowed, beyond)
    this.#borrowed = beyond
  }

  #discard(): void {
    this.#queue.clear()
    this.#giveBack()
  }

  #peerClosed(reason: string): void {
    if (this.#closing) return
    const orderly = this.#peerEnded || (isOrderlyClose(reason) && !this.#connection.peerHalfCloses)
    if (orderly) this.#peerEnded = true
    const error = orderly ? undefined : new CodedError('circuit.reset', `the far end broke the circuit off${reason && `: ${reason}`}`, { detail: { reason } })
    this.#closing = { afterData: true, ...(error && { error }) }
    this.#advance()
  }

  /** The router never says StateClosed by itself (protocol section 4.5). */
  #closeIfBothEnded(): void {
    if (!this.#ended || !this.#peerEnded || this.#closing) return
    this.#closing = { afterData: true }
    this.#connection.close('')
  }

  /** No callback runs inside the caller's own call. */
  #advanceSoon(): void {
    if (this.#turnPending) return
    this.#turnPending = true
    queueMicrotask(() => {
      this.#turnPending = false
      this.#advance()
    })
  }

  /** Delivers what can be delivered, in order: data, end, close. */
  #advance(): void {
    const handler = this.#handler
    if (handler === undefined || this.#closeTold) return
    while (!this.#paused) {
      const chunk = this.#queue.shift()
      if (chunk === undefined) break
      this.#giveBack()
      if (this.#queue.bytes <= receiveLimitBytes / 2) this.#connection.channel.releaseReading(this.#connection)
      handler.data(chunk, holdCollected)
    }
    if (!this.#queue.empty) return
    if (this.#peerEnded && !this.#endTold && (this.#closing?.afterData ?? true)) {
      this.#endTold = true
      handler.end()
    }
    if (this.#closing && !this.#closeTold) {
      this.#closeTold = true
      handler.close(this.#closing.error)
    }
  }
}
