import { toCodedError } from '@tunnel/flow'
import type { Clock, Log, TcpRequest, UdpRequest } from '@tunnel/flow'
import { describeError } from '../errors/describe-error.ts'
import type { FlowRegistry } from '../flows/flow-registry.ts'
import { join } from '../flows/join.ts'
import type { FlowPair } from '../flows/join.ts'
import type { Limits } from '../limits.ts'
import type { Counters, RefusalCause } from '../metrics/counters.ts'
import { createThrottledLog } from '../metrics/throttled-log.ts'
import { beginAttempt, connect } from './attempt.ts'
import { refuseReasonOf } from './refuse-reason.ts'
import type { HostnameOf, Route } from './route.ts'

export interface DialerOptions {
  readonly route: (request: TcpRequest | UdpRequest, hostname?: string) => Route | undefined
  readonly hostnameOf?: HostnameOf | undefined
  readonly limits: Limits
  readonly registry: FlowRegistry
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Log
}

export interface Dialer {
  /** Dials first and accepts after: a client is never connected to something that is not there. */
  handle(request: TcpRequest | UdpRequest): void
  readonly inFlight: number
  /** Every further request is refused. Dials in flight go on. */
  close(): void
}

const SOURCE = 'core/dial.handle'

export function createDialer(options: DialerOptions): Dialer {
  const { limits, registry, counters, log } = options
  const throttled = createThrottledLog(log, options.clock)
  let inFlight = 0
  let closed = false

  const refuse = (request: TcpRequest | UdpRequest, cause: RefusalCause): void => {
    counters.increment(`requests.refused.${cause}`)
    throttled(cause, 'warn', SOURCE, refusals[cause], { service: request.service, to: request.to.address, port: request.to.port })
    request.refuse(cause === 'no-service' ? 'host-unreachable' : 'reset')
  }

  const dial = async (request: TcpRequest | UdpRequest, route: Route, hostname?: string): Promise<void> => {
    const attempt = beginAttempt(request, route, registry)
    const { entry, service } = attempt
    inFlight += 1
    counters.increment('dials.started')
    try {
      const joinPair = (pair: FlowPair): void => {
        counters.increment('dials.succeeded')
        log('debug', SOURCE, 'connected', { flow: entry.id, service, circuitId: pair.server.info.circuitId })
        join(pair, entry, { service, source: SOURCE, log })
      }
      await connect(request, route, { signal: attempt.signal, hostname, join: joinPair })
    } catch (thrown) {
      const error = toCodedError(thrown, 'dial.failed')
      if (attempt.abandoned) counters.increment('dials.abandoned')
      else {
        counters.increment(`dials.failed.${error.code}`)
        throttled(`${service} ${error.code}`, 'warn', SOURCE, describeError(error), { flow: entry.id, service })
      }
      entry.ended()
      request.refuse(refuseReasonOf(error.code))
    } finally {
      inFlight -= 1
    }
  }

  return {
    handle(request) {
      counters.increment(`requests.${request.protocol}`)
      if (closed) return refuse(request, 'stopping')
      const hostname = options.hostnameOf?.(request.to.address)
      const route = options.route(request, hostname)
      if (!route) return refuse(request, 'no-service')
      if (registry.size >= limits.maxFlows) return refuse(request, 'flow-limit')
      if (inFlight >= limits.maxDialsInFlight) return refuse(request, 'dial-limit')
      // Whatever an interceptor throws at us costs one connection, never the process.
      dial(request, route, hostname).catch((error: unknown) => log('error', SOURCE, describeError(error)))
    },
    get inFlight() {
      return inFlight
    },
    close: () => void (closed = true),
  }
}

const refusals: Record<RefusalCause, string> = {
  'no-service': 'connection refused: no service that may be dialled has this destination',
  'flow-limit': 'connection refused: as many flows are open as this tunneler may have (limits.maxFlows)',
  'dial-limit': 'connection refused: as many dials wait for an answer as may (limits.maxDialsInFlight); is the network slow?',
  stopping: 'connection refused: the tunneler is stopping',
}
