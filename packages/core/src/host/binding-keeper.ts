import type { Service } from '@tunnel/config'
import { toCodedError } from '@tunnel/flow'
import type { Cancel, Clock, Log, Milliseconds } from '@tunnel/flow'
import type { BindOptions, Binding, IncomingCall, Overlay } from '../contracts/overlay.ts'
import { describeError } from '../errors/describe-error.ts'
import type { Counters } from '../metrics/counters.ts'
import type { Baseline } from './bind-options.ts'

export interface BindingKeeperOptions {
  readonly overlay: Overlay
  readonly service: Service
  readonly bind: BindOptions
  readonly accept: (call: IncomingCall) => void
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
}

/** Keeps a service bound: an overlay that gives up is asked again, with growing pauses. */
export interface BindingKeeper {
  readonly established: number
  /** Why it is not bound at present. */
  readonly problem: string | undefined
  update(change: Baseline): void
  close(): Promise<void>
}

const FIRST_RETRY: Milliseconds = 1_000
const LAST_RETRY: Milliseconds = 60_000
const SOURCE = 'core/host.bind'

export function createBindingKeeper({ overlay, service, accept, clock, counters, log, ...options }: BindingKeeperOptions): BindingKeeper {
  let wanted = options.bind
  let binding: Binding | undefined
  let problem: string | undefined
  let retryDelay = FIRST_RETRY
  let cancelRetry: Cancel | undefined
  let closed = false

  const failed = (thrown: unknown): void => {
    counters.increment('bindings.failed')
    const message = describeError(toCodedError(thrown, 'host.bind-failed'))
    if (message !== problem) log('error', SOURCE, message, { service: service.name })
    problem = message
    cancelRetry = clock.after(retryDelay, () => void bind())
    retryDelay = Math.min(retryDelay * 2, LAST_RETRY)
  }

  const bind = async (): Promise<void> => {
    let bound: Binding | undefined
    try {
      bound = await overlay.bind(service, wanted, accept)
      if (closed) return await bound.close()
      binding = bound
      await bound.ready
      if (closed) return
      problem = undefined
      retryDelay = FIRST_RETRY
      counters.increment('bindings.opened')
      log('info', SOURCE, `hosting ${service.name}`, { service: service.name, identity: wanted.identity })
    } catch (error) {
      if (closed) return
      binding = undefined
      failed(error)
      await bound?.close().catch(() => {})
    }
  }
  void bind()

  return {
    get established() {
      return binding?.established ?? 0
    },
    get problem() {
      return problem
    },
    update(change) {
      wanted = { ...wanted, ...change }
      binding?.update(change)
    },
    async close() {
      closed = true
      cancelRetry?.()
      await binding?.close()
    },
  }
}
