import type { Log } from '@tunnel/flow'
import type { BuiltTable } from '../intercept-table/build-table.ts'
import { describeError } from '../errors/describe-error.ts'

/** What the log was told last, so that only news are told. The words are those of the original tunneler. */
export interface ServiceNews {
  /** `hosted` are the names of services that are hosted; `undefined` when this tunneler does not host. */
  tell(built: BuiltTable, hosted: ReadonlySet<string> | undefined): void
}

const SOURCE = 'intercept.updateServices'

export function createServiceNews(log: Log): ServiceNews {
  let running: ReadonlySet<string> = new Set()
  let waiting: ReadonlySet<string> = new Set()
  let failures: ReadonlyMap<string, string> = new Map()

  return {
    tell(built, hosted) {
      const now = new Set([...built.served, ...(hosted ?? [])])
      for (const name of now) {
        if (running.has(name)) continue
        log('info', SOURCE, `starting tunnel for newly available service ${name}`, { service: name })
        if (hosted && !hosted.has(name)) log('info', SOURCE, `service ${name} not hostable`, { service: name })
      }
      for (const name of running) {
        if (!now.has(name)) log('info', SOURCE, `stopping tunnel for unavailable service ${name}`, { service: name })
      }
      for (const name of built.waiting) {
        if (!waiting.has(name)) log('warn', SOURCE, `service "${name}" is not available to this identity yet; waiting`, { service: name })
      }
      const problems = new Map(built.failed.map(({ service, error }) => [service, describeError(error)]))
      for (const [name, problem] of problems) {
        if (failures.get(name) !== problem) log('error', SOURCE, problem, { service: name })
      }
      running = now
      waiting = new Set(built.waiting)
      failures = problems
    },
  }
}
