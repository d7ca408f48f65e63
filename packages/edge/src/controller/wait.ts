import { CodedError, isCodedError, type Clock, type Milliseconds } from '@tunnel/flow'
import { createDeferred } from './deferred.ts'

export interface WaitLimits {
  readonly clock: Clock
  readonly timeout: Milliseconds
  readonly signals: readonly (AbortSignal | undefined)[]
}

/** `work`, or `dial.timeout`, `dial.aborted` (or the signal's own `CodedError`) when one does not want to wait longer. `work` itself goes on. */
export async function waitFor<T>(work: Promise<T>, { clock, timeout, signals }: WaitLimits, what: string): Promise<T> {
  const given = signals.filter((signal) => signal !== undefined)
  const limit = createDeferred<never>()
  const abort = () => {
    const reason: unknown = given.find((signal) => signal.aborted)?.reason
    limit.reject(isCodedError(reason) ? reason : new CodedError('dial.aborted', `Waiting for ${what} was given up.`))
  }
  for (const signal of given) {
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  }
  const cancel = clock.after(timeout, () => limit.reject(new CodedError('dial.timeout', `The controller gave no answer about ${what} within ${timeout} ms.`)))
  try {
    return await Promise.race([work, limit.promise])
  } finally {
    cancel()
    for (const signal of given) signal.removeEventListener('abort', abort)
  }
}
