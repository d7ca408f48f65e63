import type { Clock, CodedError, Log, Milliseconds } from '@tunnel/flow'

export interface FailureLogOptions {
  readonly log: Log
  readonly source: string
  /** What is tried: 'login'. */
  readonly what: string
  readonly clock: Clock
}

/** Says that something goes on failing, at growing intervals: the 1st, 2nd, 4th, 8th... time; and once that it works again. */
export interface FailureLog {
  failed(error: CodedError): void
  succeeded(): void
}

export function createFailureLog({ log, source, what, clock }: FailureLogOptions): FailureLog {
  let failures = 0
  let since: Milliseconds = 0
  return {
    failed(error) {
      if (failures === 0) since = clock.now()
      failures += 1
      if ((failures & (failures - 1)) !== 0) return
      const seconds = Math.round((clock.now() - since) / 1000)
      const head = failures === 1 ? `${what} failed` : `${what} failed ${failures} times in ${seconds} s`
      log('warn', source, `${head}: ${error.message}`, { code: error.code, failures, seconds })
    },
    succeeded() {
      if (failures === 0) return
      const seconds = Math.round((clock.now() - since) / 1000)
      log('info', source, `${what} works again after ${failures} failures in ${seconds} s`, { failures, seconds })
      failures = 0
    },
  }
}
