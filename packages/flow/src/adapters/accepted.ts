import { Socket, type SocketConstructorOpts } from 'node:net'
import type { Flow } from '../flow.ts'
import { ReadBuffers, sharedBytes } from './read-buffers.ts'
import { createSocketFlow, type SocketFlowOptions } from './socket.ts'
import type { StreamFlow } from './stream-flow.ts'

export interface AcceptedFlow {
  readonly flow: Flow
  /** The connection as it is now, for its events and `resetAndDestroy`: read and write by the flow only. */
  readonly socket: Socket
}

/**
 * A connection that a `net.Server` (`allowHalfOpen`, `pauseOnConnect`) has just accepted, as a `Flow` that reads into
 * buffers that are used again, as `connectFlow` does: half the CPU time and a third of the memory of `fromSocket`. Call it in
 * the server's `connection` handler; the accepted socket object is empty afterwards.
 *
 * Until `attach` it reads on, up to 64 KiB, so that a peer which goes away is noticed: `socket` emits 'close'.
 */
export function fromAccepted(accepted: Socket, options: SocketFlowOptions = {}): AcceptedFlow {
  const buffers = new ReadBuffers()
  let flow: StreamFlow | undefined
  let early = 0
  const adopted = adopt(accepted, {
    buffer: () => buffers.current,
    callback(bytes) {
      if (flow === undefined) return false
      buffers.take(bytes, flow.received)
      if (!flow.attached) early += bytes
      return flow.attached || early < sharedBytes
    },
  })
  const socket = adopted ?? accepted
  flow = createSocketFlow(socket, options)
  socket.once('close', () => buffers.dispose())
  socket.read(0)
  return { flow, socket }
}

type OnRead = NonNullable<SocketConstructorOpts['onread']>

/** What Node's own servers do with a handle that libuv gives them. Stable in every version since 12, yet not documented. */
interface Internals {
  _handle?: object | null
  _server?: object | null
}

/**
 * Node has `onread` for sockets that connect and not for those that a server accepts (decisions/0005), so the handle moves
 * to a socket that has it. `undefined` where Node's inside looks different: nothing is changed then.
 */
function adopt(accepted: Socket & Internals, onread: OnRead): Socket | undefined {
  const { _handle: handle, _server: server } = accepted
  const untouched = accepted.bytesRead === 0 && accepted.readableLength === 0 && !accepted.destroyed
  if (handle === undefined || handle === null || !('reading' in handle) || handle.reading !== false || !untouched) return undefined
  accepted._handle = null
  const adopted: Socket & Internals = new Socket({ handle, onread, allowHalfOpen: true } as object)
  // The server counts its connections by it: its 'close' waits for the last one.
  if (server !== undefined && server !== null) {
    accepted._server = null
    adopted._server = server
  }
  return adopted
}
