import type { Log } from '@tunnel/flow'
import type { ApplyReport } from '../contracts/interceptor.ts'
import { describeError } from '../errors/describe-error.ts'
import type { Counters } from '../metrics/counters.ts'

/** Says what is news in the reports of an interceptor. */
export interface ReportLog {
  learn(report: ApplyReport): void
  /** What failed in the last report, by service. */
  readonly failures: ReadonlyMap<string, string>
}

export function createReportLog(source: string, counters: Counters, log: Log): ReportLog {
  let failures = new Map<string, string>()
  let said = new Set<string>()
  return {
    get failures() {
      return failures
    },
    learn(report) {
      for (const line of [...report.applied, ...report.removed]) log('debug', source, line)
      const before = said
      said = new Set()
      const now = new Map<string, string>()
      for (const { service, error } of report.failed) {
        const message = describeError(error)
        counters.increment('intercept.failures')
        // Once per distinct message: a retry that fails in the same way is no news.
        if (!before.has(message)) log('error', source, message, { service })
        said.add(message)
        const others = now.get(service)
        now.set(service, others === undefined ? message : `${others}; ${message}`)
      }
      for (const service of failures.keys()) if (!now.has(service)) log('info', source, 'no longer failing', { service })
      failures = now
    },
  }
}
