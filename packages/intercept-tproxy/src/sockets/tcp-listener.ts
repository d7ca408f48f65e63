import { createServer, type Server } from 'node:net'
import type { TcpRequest } from '@tunnel/flow'
import { AcceptedRequest } from '@tunnel/flow/node'
import type { FlowEnds } from '../flows/live-flows.ts'

export interface TcpListenerOptions {
  readonly onRequest: (request: TcpRequest) => void
  readonly onOpened: (flow: FlowEnds) => void
  readonly onClosed: (flow: FlowEnds, ended: boolean) => void
  readonly onError: (error: Error) => void
}

/** Accepts from a transparent listener, whose descriptor it takes over: each connection tells where its client wanted to go. */
export async function acceptFrom(fd: number, options: TcpListenerOptions): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  server.on('error', options.onError)
  server.on('connection', (socket) => {
    const request: AcceptedRequest = new AcceptedRequest(socket, { onClose: (ended) => options.onClosed(flow, ended) })
    const flow: FlowEnds = { protocol: 'tcp', from: request.from, to: request.to }
    options.onOpened(flow)
    options.onRequest(request)
  })
  return server
}
