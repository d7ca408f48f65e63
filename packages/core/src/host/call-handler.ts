import type { HostV1, Service } from '@tunnel/config'
import { CodedError, toCodedError } from '@tunnel/flow'
import type { Milliseconds } from '@tunnel/flow'
import type { IncomingCall } from '../contracts/overlay.ts'
import { describeError } from '../errors/describe-error.ts'
import { discard, join } from '../flows/join.ts'
import type { FlowPair } from '../flows/join.ts'
import { createThrottledLog } from '../metrics/throttled-log.ts'
import { callTarget } from './call-target.ts'
import type { ServerTarget } from './host-dialer.ts'
import type { HostContext } from './host-context.ts'

export interface CallHandler {
  readonly connections: number
  handle(call: IncomingCall): void
  /** Every further call is refused. */
  close(): void
}

/** Routers wait 5 s for an answer (protocol section 5.2); half a second is left for the way back. */
const LAST_ANSWER: Milliseconds = 4_500
const SOURCE = 'core/host.accept'

/** Answers the callers of one terminator: connects to the server first, and accepts only when it is there. */
export function createCallHandler(service: Service, host: HostV1, context: HostContext): CallHandler {
  const { clock, counters, limits, log, registry } = context
  const throttled = createThrottledLog(log, clock)
  const timeout = Math.min(host.listenOptions.connectTimeout || LAST_ANSWER, LAST_ANSWER)
  let connections = 0
  let closed = false

  const refuse = (call: IncomingCall, error: CodedError, flow?: string): void => {
    counters.increment(`calls.refused.${error.code}`)
    const fields = { flow, service: service.name, caller: callerOf(call) }
    throttled(error.code, 'warn', SOURCE, `refused: ${describeError(error)}`, fields)
    call.refuse(error.message)
  }

  const serve = async (call: IncomingCall, target: ServerTarget): Promise<void> => {
    const { protocol, address, port } = target
    const abort = new AbortController()
    const cancel = (error: CodedError): void => abort.abort(error)
    const facts = { direction: 'host', protocol, service: service.name, to: { address, port }, caller: callerOf(call) } as const
    const entry = registry.begin(facts, cancel)
    const ended: typeof entry.ended = (result) => {
      connections -= 1
      entry.ended(result)
    }
    const tooLate = new CodedError('host.connect-timeout', `no answer from ${address}:${port} within ${timeout} ms`)
    const cancelTimer = clock.after(timeout, () => cancel(tooLate))
    connections += 1
    try {
      await connect(call, target, context, abort.signal, (pair) => {
        counters.increment('calls.accepted')
        join(pair, { ...entry, ended }, { service: service.name, source: SOURCE, log })
      })
    } catch (error) {
      ended()
      refuse(call, toCodedError(abort.signal.aborted ? abort.signal.reason : error, 'host.connect-failed'), entry.id)
    } finally {
      cancelTimer()
    }
  }

  return {
    get connections() {
      return connections
    },
    handle(call) {
      counters.increment('calls.received')
      if (closed) return refuse(call, new CodedError('host.stopping', 'the host of the service is stopping'))
      if (connections >= limits.maxHostedConnections || registry.size >= limits.maxFlows) {
        return refuse(call, new CodedError('host.connection-limit', 'the host of the service has as many connections as it may'))
      }
      const target = callTarget(host, call.appData)
      if (!target.ok) return refuse(call, target.error)
      // Whatever an overlay throws at us costs one call, never the process.
      serve(call, target.value).catch((error: unknown) => log('error', SOURCE, describeError(error)))
    },
    close: () => void (closed = true),
  }
}

/** The name that the router vouches for, else the one that the caller gives itself. */
function callerOf(call: IncomingCall): string | undefined {
  return call.dialerIdentityName ?? call.callerId
}

async function connect(
  call: IncomingCall,
  target: ServerTarget,
  { dialer }: HostContext,
  signal: AbortSignal,
  joinPair: (pair: FlowPair) => void,
): Promise<void> {
  if (target.protocol === 'tcp') {
    const server = await dialer.connectTcp(target, signal)
    joinPair({ protocol: 'tcp', server, client: answer(server, signal, () => call.accept()) })
  } else {
    const server = await dialer.connectUdp(target, signal)
    joinPair({ protocol: 'udp', server, client: answer(server, signal, () => call.acceptDatagrams()) })
  }
}

function answer<T>(server: Parameters<typeof discard>[0], signal: AbortSignal, accept: () => T): T {
  try {
    // An answer after the time-out would make a circuit that nobody is on.
    signal.throwIfAborted()
    return accept()
  } catch (error) {
    discard(server, new CodedError('host.connect-timeout', 'the server answered too late', { cause: error }))
    throw error
  }
}
