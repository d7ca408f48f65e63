import { CodedError } from '@tunnel/flow'
import type { DatagramFlow, Flow, TcpRequest, UdpRequest } from '@tunnel/flow'
import type { FlowEntry, FlowRegistry } from '../flows/flow-registry.ts'
import { discard } from '../flows/join.ts'
import type { FlowPair } from '../flows/join.ts'
import { dialRequestOf } from './dial-request.ts'
import type { Route } from './route.ts'

/** One dial in progress: `signal` ends it early when the client goes away or the tunneler stops. */
export interface Attempt {
  readonly entry: FlowEntry
  readonly service: string
  readonly signal: AbortSignal
  /** The client went away before there was an answer. */
  readonly abandoned: boolean
}

export function beginAttempt(request: TcpRequest | UdpRequest, route: Route, registry: FlowRegistry): Attempt {
  const abort = new AbortController()
  const { protocol, from, to } = request
  const service = route.service.name
  const entry = registry.begin({ direction: 'dial', protocol, service, from, to }, (error) => abort.abort(error))
  const attempt = { entry, service, signal: abort.signal, abandoned: false }
  if (request.protocol === 'tcp') {
    request.onAbandon(() => {
      attempt.abandoned = true
      abort.abort(new CodedError('dial.aborted', 'the client went away'))
    })
  }
  return attempt
}

/** Dials, and accepts the client only when the other side is there. `join` is called at once: nothing can come between. */
export async function connect(
  request: TcpRequest | UdpRequest,
  route: Route,
  { signal, hostname, join }: { signal: AbortSignal; hostname: string | undefined; join: (pair: FlowPair) => void },
): Promise<void> {
  const { overlay, service } = route
  const dialRequest = dialRequestOf(request, route, hostname)
  if (request.protocol === 'tcp') {
    const server = await overlay.dial(service, dialRequest, signal)
    join({ protocol: 'tcp', server, client: acceptFor(request, server, signal) })
  } else {
    const server = await overlay.dialDatagrams(service, dialRequest, signal)
    join({ protocol: 'udp', server, client: acceptFor(request, server, signal) })
  }
}

function acceptFor<T>(request: { accept(): T }, server: Flow | DatagramFlow, signal: AbortSignal): T {
  try {
    // The answer of the overlay and the abort may meet: the abort wins, or a flow to nobody would stay.
    signal.throwIfAborted()
    return request.accept()
  } catch (error) {
    discard(server, new CodedError('dial.aborted', 'nobody is left to take the connection', { cause: error }))
    throw error
  }
}
