import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { CodedError } from '@tunnel/flow'
import type { IncomingCall } from '../bind/incoming-call.ts'
import type { BindOptions } from '../bind/service-binding.ts'
import type { Binding, EdgeOverlay } from '../overlay.ts'
import { flowSocket } from './flow-socket.ts'

/** Who is on the other end, as far as it is known. */
export type Caller = Pick<IncomingCall, 'service' | 'circuitId' | 'callerId' | 'dialerIdentityId' | 'dialerIdentityName' | 'appData'>

const callers = new WeakMap<object, Caller>()

/** The caller of a connection that `bindServer` brought: `callerOf(request.socket)`. */
export const callerOf = (socket: object): Caller | undefined => callers.get(socket)

/**
 * Hosts a service with any server that takes `connection` events: `http.Server`, `net.Server`. Nothing listens on the
 * host. Resolves when the first terminator is established.
 */
export async function bindServer(overlay: Pick<EdgeOverlay, 'services' | 'bind'>, serviceName: string, server: EventEmitter, options: BindOptions = {}): Promise<Binding> {
  const service = overlay.services.get(serviceName)
  if (service === undefined) {
    throw new CodedError('bind.no-service', `this identity knows no service '${serviceName}': check its name and bind policy`, { detail: { service: serviceName } })
  }
  const binding = await overlay.bind(service, options, (call) => {
    const socket: Duplex = flowSocket(call.accept())
    callers.set(socket, call)
    server.emit('connection', socket)
  })
  await binding.ready
  return binding
}
