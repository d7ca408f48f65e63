import { TrackedDatagramFlow, TrackedFlow, type DatagramFlow, type Endpoint, type Flow, type RefuseReason, type TcpRequest, type UdpRequest } from '@tunnel/flow'
import type { AbandonWatch, Waiting } from './abandon-watch.ts'

/** A request of the stack that is under way until it is refused or given up, or its flow ends. */
export class TrackedTcpRequest implements TcpRequest, Waiting {
  readonly protocol = 'tcp'
  readonly from: Endpoint
  readonly to: Endpoint
  readonly #request: TcpRequest
  readonly #watch: AbandonWatch
  readonly #onEnd: () => void
  #answered = false
  #abandoned = false
  #onAbandon: (() => void) | undefined

  constructor(request: TcpRequest, watch: AbandonWatch, onEnd: () => void) {
    this.from = request.from
    this.to = request.to
    this.#request = request
    this.#watch = watch
    this.#onEnd = onEnd
    watch.add(this)
    request.onAbandon(() => this.abandon())
  }

  accept(): Flow {
    const flow = this.#request.accept()
    this.#answer()
    return new TrackedFlow(flow, this.#onEnd)
  }

  refuse(reason: RefuseReason): void {
    this.#request.refuse(reason)
    this.#answer()
    this.#onEnd()
  }

  onAbandon(handler: () => void): void {
    if (this.#abandoned) handler()
    else this.#onAbandon = handler
  }

  abandon(): void {
    if (this.#answered || this.#abandoned) return
    this.#abandoned = true
    this.#watch.remove(this)
    this.#onEnd()
    this.#onAbandon?.()
  }

  #answer(): void {
    this.#answered = true
    this.#watch.remove(this)
  }
}

export class TrackedUdpRequest implements UdpRequest {
  readonly protocol = 'udp'
  readonly from: Endpoint
  readonly to: Endpoint
  readonly #request: UdpRequest
  readonly #onEnd: () => void

  constructor(request: UdpRequest, onEnd: () => void) {
    this.from = request.from
    this.to = request.to
    this.#request = request
    this.#onEnd = onEnd
  }

  accept(): DatagramFlow {
    return new TrackedDatagramFlow(this.#request.accept(), this.#onEnd)
  }

  refuse(reason: RefuseReason): void {
    this.#request.refuse(reason)
    this.#onEnd()
  }
}
