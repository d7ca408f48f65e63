import type { Duplex } from 'node:stream'
import type { Endpoint } from '@tunnel/flow'
import { toDuplex } from '@tunnel/flow/node'
import type { Netstack } from '../stack.ts'
import type { TcpConnectOptions } from '../tcp/tcp-connect.ts'
import type { TcpListener } from '../tcp/tcp-listener.ts'

/**
 * Opens a connection of `stack` as a stream, for whatever takes one in place of a socket: `http.request({ createConnection })`, `tls.connect({ socket })`,
 * database drivers. Rejects as `stack.connect` does.
 */
export async function connectDuplex(stack: Netstack, to: Endpoint, options?: TcpConnectOptions): Promise<Duplex> {
  return toDuplex(await stack.connect(to, options))
}

/** Gives each connection to a port of `stack` as a stream, for a server that takes one: `(stream) => httpServer.emit('connection', stream)`. */
export function listenDuplex(stack: Netstack, at: { readonly port: number; readonly address?: string }, onStream: (stream: Duplex) => void): TcpListener {
  return stack.listen(at, (flow) => onStream(toDuplex(flow)))
}
