import type { Clock, Milliseconds } from '../clock.ts'
import type { CodedError } from '../coded-error.ts'
import { maxDatagramBytes } from '../datagram.ts'
import type { Endpoint } from '../endpoint.ts'
import { createAnsweredError, createAttachedError } from '../flow-error.ts'
import type { DatagramFlow, DatagramHandler, FlowInfo } from '../flow.ts'
import { copyBytes } from '../hold.ts'
import type { UdpRequest } from '../request.ts'
import type { UdpSessions } from './udp-sessions.ts'

export interface UdpSessionOptions {
  readonly info: FlowInfo
  readonly clock: Clock
  /** The session ends when nothing has passed for so long. */
  readonly idle: Milliseconds
  /** Datagrams that wait until the request is accepted and its flow attached; more are dropped. */
  readonly queue: number
  /** Bytes that may still wait, in all sessions that have this object together. Without it only `queue` counts. */
  readonly room?: { bytes: number }
  /** The sessions that have a bound together with this one. */
  readonly among?: UdpSessions
  /** Sends to the client. The bytes are borrowed until it returns. False: dropped. */
  readonly transmit: (datagram: Uint8Array) => boolean
  /** A datagram of the client found no place in the queue. */
  readonly onDrop: () => void
  readonly onClose: () => void
}

/** What one client sends to one destination, and what goes back: how a UDP socket with many clients shows each as a flow. */
export class UdpSession implements DatagramFlow {
  readonly info: FlowInfo
  accepted = false
  dropped = 0
  readonly #options: UdpSessionOptions
  /** Datagrams from before `attach`. */
  readonly #early: Uint8Array[] = []
  #handler: DatagramHandler | undefined
  #started = false
  #lastActive: Milliseconds
  #cancelIdle: () => void
  #closing: { readonly error?: CodedError } | undefined

  constructor(options: UdpSessionOptions) {
    this.info = options.info
    this.#options = options
    this.#lastActive = options.clock.now()
    this.#cancelIdle = options.clock.after(options.idle, this.#onIdle)
    options.among?.add(this)
  }

  attach(handler: DatagramHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    process.nextTick(() => {
      this.#started = true
      for (const datagram of this.#takeEarly()) if (!this.#closing) handler.message(datagram)
      if (this.#closing) handler.close(this.#closing.error)
    })
  }

  send(datagram: Uint8Array): boolean {
    if (this.#closing || datagram.length > maxDatagramBytes || !this.#options.transmit(datagram)) {
      this.dropped += 1
      return false
    }
    this.#active()
    return true
  }

  close(error?: CodedError): void {
    if (this.#closing) return
    this.#closing = error ? { error } : {}
    this.#takeEarly()
    this.#cancelIdle()
    this.#options.among?.remove(this)
    this.#options.onClose()
    const handler = this.#handler
    if (handler && this.#started) process.nextTick(() => handler.close(error))
  }

  /** Takes one datagram of the client, borrowed until the call returns. */
  received(datagram: Uint8Array): void {
    if (this.#closing) return
    this.#active()
    if (this.#handler && this.#started) this.#handler.message(datagram)
    else if (!this.#keep(datagram)) this.#options.onDrop()
  }

  #active(): void {
    this.#lastActive = this.#options.clock.now()
    this.#options.among?.touch(this)
  }

  #keep(datagram: Uint8Array): boolean {
    const { queue, room } = this.#options
    if (this.#early.length >= queue || (room && room.bytes < datagram.length)) return false
    if (room) room.bytes -= datagram.length
    this.#early.push(copyBytes(datagram))
    return true
  }

  #takeEarly(): Uint8Array[] {
    const taken = this.#early.splice(0)
    const { room } = this.#options
    if (room) for (const { length } of taken) room.bytes += length
    return taken
  }

  /** One timer per session, set anew only when it fires: not for each datagram. */
  readonly #onIdle = (): void => {
    const { clock, idle } = this.#options
    const left = this.#lastActive + idle - clock.now()
    if (left <= 0) this.close()
    else this.#cancelIdle = clock.after(left, this.#onIdle)
  }
}

export interface UdpSessionRequestOptions {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly service?: string
}

/** Asks whether a session is wanted. Refused, it is closed and says nothing: UDP has no word for it. */
export class UdpSessionRequest implements UdpRequest {
  readonly protocol = 'udp'
  readonly from: Endpoint
  readonly to: Endpoint
  declare readonly service?: string
  readonly #session: UdpSession
  #answered = false

  constructor(session: UdpSession, { from, to, service }: UdpSessionRequestOptions) {
    this.#session = session
    this.from = from
    this.to = to
    if (service !== undefined) this.service = service
  }

  accept(): DatagramFlow {
    this.#answer()
    this.#session.accepted = true
    return this.#session
  }

  refuse(): void {
    this.#answer()
    this.#session.close()
  }

  #answer(): void {
    if (this.#answered) throw createAnsweredError()
    this.#answered = true
  }
}
