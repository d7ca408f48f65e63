import { toCodedError } from '@tunnel/flow'
import type { Cancel, Clock, Log, Milliseconds } from '@tunnel/flow'
import type { ApplyReport, InterceptTable, Interceptor } from '../contracts/interceptor.ts'
import { describeError } from '../errors/describe-error.ts'
import type { Counters } from '../metrics/counters.ts'

export interface ApplyLoopOptions {
  readonly interceptor: Interceptor
  /** The table as it is wanted now: asked for when an apply begins, so that it is never an old one. */
  readonly wanted: () => InterceptTable
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
}

export interface ApplyLoop {
  /** The wanted table may have changed. Any number of calls in one turn, or during an apply, make one apply. */
  changed(): void
  /** What failed in the last apply, by service. */
  readonly failures: ReadonlyMap<string, string>
  /** Resolves when a running apply has ended; none begins after the call. */
  close(): Promise<void>
}

const FIRST_RETRY: Milliseconds = 1_000
const LAST_RETRY: Milliseconds = 60_000
const SOURCE = 'core/intercept-table.apply'

/** Drives an interceptor towards the wanted table: one apply at a time, again with growing pauses while parts fail. */
export function createApplyLoop({ interceptor, wanted, clock, counters, log }: ApplyLoopOptions): ApplyLoop {
  let failures = new Map<string, string>()
  let retryDelay = FIRST_RETRY
  let cancelRetry: Cancel | undefined
  let running: Promise<void> | undefined
  let dirty = false
  let closed = false

  const learn = (report: ApplyReport): void => {
    for (const line of report.applied) log('debug', SOURCE, line)
    for (const line of report.removed) log('debug', SOURCE, line)
    const now = new Map(report.failed.map(({ service, error }) => [service, describeError(error)]))
    for (const [service, message] of now) {
      counters.increment('intercept.failures')
      // Once per distinct message: a retry that fails in the same way is no news.
      if (failures.get(service) !== message) log('error', SOURCE, message, { service })
    }
    for (const service of failures.keys()) if (!now.has(service)) log('info', SOURCE, 'no longer failing', { service })
    failures = now
  }

  const applyOnce = async (): Promise<void> => {
    counters.increment('intercept.applies')
    try {
      learn(await interceptor.apply(wanted()))
    } catch (error) {
      // An interceptor reports what fails; one that throws is treated as if everything had.
      learn({ applied: [], removed: [], failed: [{ service: '*', error: toCodedError(error, 'intercept.failed') }] })
    }
  }

  const run = async (): Promise<void> => {
    // What else happens in this turn belongs to this apply.
    await Promise.resolve()
    while (dirty && !closed) {
      dirty = false
      await applyOnce()
    }
    running = undefined
    if (closed || failures.size === 0) {
      retryDelay = FIRST_RETRY
      return
    }
    cancelRetry = clock.after(retryDelay, begin)
    retryDelay = Math.min(retryDelay * 2, LAST_RETRY)
  }

  const begin = (): void => {
    cancelRetry?.()
    cancelRetry = undefined
    dirty = true
    if (!closed) running ??= run()
  }

  return {
    changed: begin,
    get failures() {
      return failures
    },
    async close() {
      closed = true
      cancelRetry?.()
      await running
    },
  }
}
