import type { Socket } from 'node:net'
import { systemClock, type Clock, type Milliseconds } from '../clock.ts'
import { unmapAddress, type Endpoint } from '../endpoint.ts'
import type { Flow, FlowInfo } from '../flow.ts'
import { errnoOf } from './transport-error.ts'
import { StreamFlow } from './stream-flow.ts'

export interface SocketFlowOptions {
  /** Bytes that may wait for the kernel before `send` returns false. Default 256 KiB. */
  readonly limitBytes?: number
  /** Added to what the socket itself knows: its two endpoints. */
  readonly info?: Partial<FlowInfo>
  readonly clock?: Clock
}

/** How long a reset waits for a connection that is being opened. */
const connectGrace: Milliseconds = 1_000

export const defaultSocketLimitBytes = 256 * 1024

/**
 * A connected TCP socket as a `Flow`; it takes TLS and Unix sockets too, whose peers see a plain end instead of a
 * reset, for they have none. Create the socket with `allowHalfOpen: true` (and, when a server
 * accepts it, `pauseOnConnect: true`): else Node may end our half, or drop bytes, before this call. From here on the
 * socket belongs to the flow.
 *
 * A RST of the peer gives `flow.reset`. While paused it shows only on the next `send` or `resume`: nobody reads.
 */
export function fromSocket(socket: Socket, options: SocketFlowOptions = {}): Flow {
  return createSocketFlow(socket, options)
}

export function createSocketFlow(socket: Socket, options: SocketFlowOptions): StreamFlow {
  socket.allowHalfOpen = true
  socket.setNoDelay(true)
  return new StreamFlow(socket, {
    info: { ...socketInfo(socket), ...options.info },
    limitBytes: options.limitBytes ?? defaultSocketLimitBytes,
    keepsChunks: false,
    destroy: () => resetSocket(socket, options.clock ?? systemClock),
  })
}

function socketInfo(socket: Socket): FlowInfo {
  const local = endpointOf(socket.localAddress, socket.localPort)
  const remote = endpointOf(socket.remoteAddress, socket.remotePort)
  return { protocol: 'tcp', ...(local && { local }), ...(remote && { remote }) }
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  return address === undefined || port === undefined ? undefined : { address: unmapAddress(address), port }
}

/** Sends a RST where there is one to send. */
function resetSocket(socket: Socket, clock: Clock): void {
  // A connection that is on its way may exist for the peer already, so Node waits for it to send the RST. Not for ever.
  if (socket.connecting) clock.after(connectGrace, () => socket.destroy())
  try {
    socket.resetAndDestroy()
  } catch (error) {
    if (errnoOf(error) !== 'ERR_INVALID_HANDLE_TYPE') throw error
    socket.destroy()
  }
}
