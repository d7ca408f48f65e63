import { createAnsweredError, type DatagramFlow, type Endpoint, type RefuseReason, type UdpRequest } from '@tunnel/flow'
import type { UdpFlow } from './udp-flow.ts'

/** The first datagram of two endpoints that did not speak before. */
export class UdpFlowRequest implements UdpRequest {
  readonly protocol = 'udp'
  readonly from: Endpoint
  readonly to: Endpoint
  readonly #flow: UdpFlow
  readonly #onRefuse: (reason: RefuseReason) => void
  #answered = false

  constructor(flow: UdpFlow, onRefuse: (reason: RefuseReason) => void) {
    const { local, localPort, remote, remotePort } = flow.pair
    this.from = { address: String(remote), port: remotePort }
    this.to = { address: String(local), port: localPort }
    this.#flow = flow
    this.#onRefuse = onRefuse
  }

  accept(): DatagramFlow {
    this.#answer()
    return this.#flow
  }

  /** `reset` is "port unreachable" here: what a host says where nobody listens. */
  refuse(reason: RefuseReason): void {
    this.#answer()
    this.#flow.close()
    this.#onRefuse(reason)
  }

  #answer(): void {
    if (this.#answered) throw createAnsweredError()
    this.#answered = true
  }
}
