import type { CodedError } from './coded-error.ts'
import type { DatagramFlow, DatagramHandler, Flow, FlowHandler, FlowInfo } from './flow.ts'
import { PassingFlow } from './passing-flow.ts'

/** A flow whose end is told to us as well. */
export class TrackedFlow extends PassingFlow {
  readonly #onClose: () => void

  constructor(flow: Flow, onClose: () => void) {
    super(flow)
    this.#onClose = onClose
  }

  override attach(handler: FlowHandler): void {
    super.attach({
      data: (chunk, hold) => handler.data(chunk, hold),
      end: () => handler.end(),
      drain: () => handler.drain(),
      close: (error) => {
        this.#onClose()
        handler.close(error)
      },
    })
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
