import { toCodedError } from '@tunnel/flow'
import type { Cancel, Clock, Log, Milliseconds } from '@tunnel/flow'
import type { InterceptTable, Interceptor } from '../contracts/interceptor.ts'
import type { Counters } from '../metrics/counters.ts'
import { createReportLog } from './report-log.ts'

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
  const reports = createReportLog(SOURCE, counters, log)
  let retryDelay = FIRST_RETRY
  let cancelRetry: Cancel | undefined
  let running: Promise<void> | undefined
  let dirty = false
  let closed = false

  const applyOnce = async (): Promise<void> => {
    counters.increment('intercept.applies')
    try {
      reports.learn(await interceptor.apply(wanted()))
    } catch (error) {
      // An interceptor reports what fails; one that throws is treated as if everything had.
      reports.learn({ applied: [], removed: [], failed: [{ service: '*', error: toCodedError(error, 'intercept.failed') }] })
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
    if (closed || reports.failures.size === 0) {
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
      return reports.failures
    },
    async close() {
      closed = true
      cancelRetry?.()
      await running
    },
  }
}
