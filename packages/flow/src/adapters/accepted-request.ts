import type { Socket } from 'node:net'
import { unmapAddress, type Endpoint } from '../endpoint.ts'
import { createAnsweredError } from '../flow-error.ts'
import type { Flow } from '../flow.ts'
import type { TcpRequest } from '../request.ts'
import { fromAccepted, type AcceptedFlow } from './accepted.ts'

export interface AcceptedRequestOptions {
  /** Of listeners that belong to a service. */
  readonly service?: string
  /** The connection is over, answered or not. `ended`: our half by a FIN, so that the kernel may still be sending what was before it. */
  readonly onClose?: (ended: boolean) => void
}

/**
 * A connection that a `net.Server` has just accepted (as for `fromAccepted`), as a request. The kernel has completed it already:
 * refusing it can only mean a reset. `from` and `to` are what the socket says, IPv4 without the mapping.
 */
export class AcceptedRequest implements TcpRequest {
  readonly protocol = 'tcp'
  readonly from: Endpoint
  readonly to: Endpoint
  declare readonly service?: string
  readonly #accepted: AcceptedFlow
  #answered = false
  #abandoned = false
  #onAbandon: (() => void) | undefined

  constructor(socket: Socket, { service, onClose }: AcceptedRequestOptions = {}) {
    if (service !== undefined) this.service = service
    this.#accepted = fromAccepted(socket, service === undefined ? {} : { info: { service } })
    const { remoteAddress, remotePort, localAddress, localPort } = this.#accepted.socket
    this.from = { address: unmapAddress(remoteAddress ?? ''), port: remotePort ?? 0 }
    this.to = { address: unmapAddress(localAddress ?? ''), port: localPort ?? 0 }
    const { socket: connection } = this.#accepted
    connection.once('close', this.#onClose)
    if (onClose) connection.once('close', (failed) => onClose(!failed && connection.writableFinished))
  }

  accept(): Flow {
    this.#answer()
    return this.#accepted.flow
  }

  refuse(): void {
    this.#answer()
    if (!this.#abandoned) this.#accepted.socket.resetAndDestroy()
  }

  onAbandon(handler: () => void): void {
    if (this.#abandoned) handler()
    else this.#onAbandon = handler
  }

  #answer(): void {
    if (this.#answered) throw createAnsweredError()
    this.#answered = true
    this.#accepted.socket.off('close', this.#onClose)
  }

  readonly #onClose = (): void => {
    this.#abandoned = true
    this.#onAbandon?.()
  }
}
