import { createServer, type Server } from 'node:net'
import type { TcpRequest } from '@tunnel/flow'
import { AcceptedRequest } from '@tunnel/flow/node'
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
    server.on('connection', (socket) => onRequest(new AcceptedRequest(socket, { service: this.service })))
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
