import {
  createAttachedError,
  maxDatagramBytes,
  type Clock,
  type CodedError,
  type DatagramFlow,
  type DatagramHandler,
  type FlowInfo,
  type Milliseconds,
} from '@tunnel/flow'

export interface UdpSessionOptions {
  readonly info: FlowInfo
  readonly clock: Clock
  readonly idle: Milliseconds
  readonly queue: number
  /** False: dropped. */
  readonly transmit: (datagram: Uint8Array) => boolean
  readonly onDrop: () => void
  readonly onClose: () => void
}

/** What one client address sends to one listener, and what goes back. Ends when nothing has passed for `idle`. */
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
  }

  attach(handler: DatagramHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    process.nextTick(() => {
      this.#started = true
      for (let datagram = this.#early.shift(); datagram; datagram = this.#early.shift()) handler.message(datagram)
      if (this.#closing) handler.close(this.#closing.error)
    })
  }

  send(datagram: Uint8Array): boolean {
    if (this.#closing || datagram.length > maxDatagramBytes || !this.#options.transmit(datagram)) {
      this.dropped += 1
      return false
    }
    this.#lastActive = this.#options.clock.now()
    return true
  }

  close(error?: CodedError): void {
    if (this.#closing) return
    this.#closing = error ? { error } : {}
    this.#early.length = 0
    this.#cancelIdle()
    this.#options.onClose()
    const handler = this.#handler
    if (handler && this.#started) process.nextTick(() => handler.close(error))
  }

  /** Takes one datagram of the client. The bytes are ours. */
  received(datagram: Uint8Array): void {
    if (this.#closing) return
    this.#lastActive = this.#options.clock.now()
    if (this.#handler && this.#started) this.#handler.message(datagram)
    else if (this.#early.length < this.#options.queue) this.#early.push(datagram)
    else this.#options.onDrop()
  }

  /** One timer per session, set anew only when it fires: not for each datagram. */
  readonly #onIdle = (): void => {
    const { clock, idle } = this.#options
    const left = this.#lastActive + idle - clock.now()
    if (left <= 0) this.close()
    else this.#cancelIdle = clock.after(left, this.#onIdle)
  }
}
