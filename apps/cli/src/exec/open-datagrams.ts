import type { DatagramFlow, RefuseReason, UdpRequest } from '@tunnel/flow'
import { TrackedDatagramFlow } from '@tunnel/flow'

/** Datagram flows end by silence alone: who has nothing more to say to any of them must end them himself. */
export class OpenDatagrams {
  readonly #open = new Set<TrackedDatagramFlow>()

  /** The same request, whose flow is known here as long as it is open. */
  watch(request: UdpRequest): UdpRequest {
    const accept = (): DatagramFlow => {
      const flow = new TrackedDatagramFlow(request.accept(), () => this.#open.delete(flow))
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
