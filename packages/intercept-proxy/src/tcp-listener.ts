import { createServer, type Server, type Socket } from 'node:net'
import { CodedError, unmapAddress, type Endpoint, type Flow, type TcpRequest } from '@tunnel/flow'
import { fromAccepted, type AcceptedFlow } from '@tunnel/flow/node'
import type { Listener, ListenerSpec } from './listener.ts'

export type OnTcpRequest = (request: TcpRequest) => void

/** Opens a TCP listener. Rejects with the system's error. */
export async function openTcpListener(spec: ListenerSpec, onRequest: OnTcpRequest, onLost: (error: Error) => void): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: spec.port, host: spec.address }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return new TcpListener(server, spec, onRequest, onLost)
}

class TcpListener implements Listener {
  readonly protocol = 'tcp'
  service: string
  readonly #server: Server

  constructor(server: Server, spec: ListenerSpec, onRequest: OnTcpRequest, onLost: (error: Error) => void) {
    this.#server = server
    this.service = spec.service
    server.on('connection', (socket) => onRequest(new SocketRequest(socket, spec, this.service)))
    server.on('error', (error) => {
      server.close()
      onLost(error)
    })
  }

  get open(): boolean {
    return this.#server.listening
  }

  stop(): void {
    this.#server.close()
  }
}

/** A connection that the kernel has accepted already: refusing it can only mean a reset. */
class SocketRequest implements TcpRequest {
  readonly protocol = 'tcp'
  readonly from: Endpoint
  readonly to: Endpoint
  readonly service: string
  readonly #accepted: AcceptedFlow
  #answered = false
  #abandoned = false
  #onAbandon: (() => void) | undefined

  constructor(socket: Socket, listener: Endpoint, service: string) {
    this.service = service
    this.#accepted = fromAccepted(socket, { info: { service } })
    const { remoteAddress, remotePort, localAddress } = this.#accepted.socket
    this.from = { address: unmapAddress(remoteAddress ?? ''), port: remotePort ?? 0 }
    this.to = { address: unmapAddress(localAddress ?? listener.address), port: listener.port }
    this.#accepted.socket.once('close', this.#onClose)
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
    if (this.#answered) throw new CodedError('proxy.answered', 'This request is answered already: accept or refuse it once')
    this.#answered = true
    this.#accepted.socket.off('close', this.#onClose)
  }

  readonly #onClose = (): void => {
    this.#abandoned = true
    this.#onAbandon?.()
  }
}
