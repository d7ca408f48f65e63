import type { HostV1, Service } from '@tunnel/config'
import type { Overlay } from '../contracts/overlay.ts'
import { describeError } from '../errors/describe-error.ts'
import { baselineOf, bindOptionsOf } from './bind-options.ts'
import type { Baseline } from './bind-options.ts'
import { createBindingKeeper } from './binding-keeper.ts'
import { createCallHandler } from './call-handler.ts'
import { createHealthChecks } from './health-checks.ts'
import type { HostContext } from './host-context.ts'

export interface HostedStatus extends Baseline {
  readonly service: string
  /** Instance name of the terminator. */
  readonly identity?: string | undefined
  /** Routers on which it is established. */
  readonly established: number
  /** Connections to the server that are alive. */
  readonly connections: number
  /** Why it is not offered at present. */
  readonly problem?: string | undefined
}

/** One host config of one service, offered on the overlay until `close`. */
export interface HostedTerminator {
  status(): HostedStatus
  /** No more calls. Connections that are alive go on. */
  close(): Promise<void>
}

export function createHostedTerminator(overlay: Overlay, service: Service, host: HostV1, context: HostContext): HostedTerminator {
  const { log } = context
  const options = bindOptionsOf(service, host, overlay.identity)
  let current = baselineOf(service, host, overlay.identity)
  if (!options.ok) {
    const problem = describeError(options.error)
    log('error', 'core/host.bind', problem, { service: service.name })
    return {
      status: () => ({ service: service.name, established: 0, connections: 0, ...current, problem }),
      close: async () => {},
    }
  }

  const bind = options.value
  const calls = createCallHandler(service, host, context)
  const keeper = createBindingKeeper({ overlay, service, bind, accept: (call) => calls.handle(call), ...context })
  const health = createHealthChecks(host, current, context, (next) => {
    current = next
    log('info', 'core/host.health', `precedence is now ${next.precedence}, cost ${next.cost}`, { service: service.name })
    keeper.update(next)
  })

  return {
    status: () => ({
      service: service.name,
      identity: bind.identity,
      established: keeper.established,
      connections: calls.connections,
      ...current,
      problem: keeper.problem,
    }),
    async close() {
      calls.close()
      health.close()
      await keeper.close()
    },
  }
}
