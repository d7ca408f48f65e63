import type { DatagramFlow, DatagramHandler, FlowInfo, RefuseReason, UdpRequest } from '@tunnel/flow'

/** Datagram flows end by silence alone: who has nothing more to say to any of them must end them himself. */
export class OpenDatagrams {
  readonly #open = new Set<WatchedDatagrams>()

  /** The same request, whose flow is known here as long as it is open. */
  watch(request: UdpRequest): UdpRequest {
    const accept = (): DatagramFlow => {
      const flow = new WatchedDatagrams(request.accept(), () => this.#open.delete(flow))
      this.#open.add(flow)
      return flow
    }
    const { protocol, from, to } = request
    return { protocol, from, to, accept, refuse: (reason: RefuseReason) => request.refuse(reason) }
  }

  close(): void {
    for (const flow of this.#open) flow.close()
  }
}

class WatchedDatagrams implements DatagramFlow {
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

  close(error?: Parameters<DatagramFlow['close']>[0]): void {
    this.#onClose()
    this.#flow.close(error)
  }
}
