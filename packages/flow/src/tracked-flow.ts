import type { CodedError } from './coded-error.ts'
import type { DatagramFlow, DatagramHandler, Flow, FlowHandler, FlowInfo, Release } from './flow.ts'

/** A flow whose end is told to us as well. */
export class TrackedFlow implements Flow {
  readonly #flow: Flow
  readonly #onClose: () => void

  constructor(flow: Flow, onClose: () => void) {
    this.#flow = flow
    this.#onClose = onClose
  }

  get info(): FlowInfo {
    return this.#flow.info
  }

  get queuedBytes(): number {
    return this.#flow.queuedBytes
  }

  get lateSends(): number {
    return this.#flow.lateSends
  }

  attach(handler: FlowHandler): void {
    this.#flow.attach({
      data: (chunk, hold) => handler.data(chunk, hold),
      end: () => handler.end(),
      drain: () => handler.drain(),
      close: (error) => {
        this.#onClose()
        handler.close(error)
      },
    })
  }

  send(chunk: Uint8Array, release?: Release): boolean {
    return this.#flow.send(chunk, release)
  }

  end(): void {
    this.#flow.end()
  }

  reset(error: CodedError): void {
    this.#flow.reset(error)
  }

  pause(): void {
    this.#flow.pause()
  }

  resume(): void {
    this.#flow.resume()
  }
}

/** The same of datagrams. */
export class TrackedDatagramFlow implements DatagramFlow {
  readonly #flow: DatagramFlow
  readonly #onClose: () => void

  constructor(flow: DatagramFlow, onClose: () => void) {
    this.#flow = flow
    this.#onClose = onClose
  }

  get info(): FlowInfo {
    return this.#flow.info
  }

  get dropped(): number {
    return this.#flow.dropped
  }

  attach(handler: DatagramHandler): void {
    this.#flow.attach({
      message: (datagram) => handler.message(datagram),
      close: (error) => {
        this.#onClose()
        handler.close(error)
      },
    })
  }

  send(datagram: Uint8Array): boolean {
    return this.#flow.send(datagram)
  }

  close(error?: CodedError): void {
    // One that was never attached says nothing of its end.
    this.#onClose()
    this.#flow.close(error)
  }
}
