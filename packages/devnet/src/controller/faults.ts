import type { Milliseconds } from '@tunnel/flow'
import type { ApiErrorCode } from './reply.ts'

/** A refusal that a test orders: `count` requests whose path contains `path` are answered with an error, or not at all. */
export interface Refusal {
  readonly count: number
  /** Part of the path: `/services`. Default: any. */
  readonly path?: string
  /** Default `SERVER_TOO_MANY_REQUESTS`; `hang-up` closes the connection without an answer. */
  readonly with?: ApiErrorCode | 'hang-up'
}

/** What goes wrong in the controller by order of a test. */
export interface ControllerFaults {
  delay: Milliseconds
  refuse(refusal: Refusal): void
  /** What happens to a request of this path, if anything; counts it. */
  take(path: string): ApiErrorCode | 'hang-up' | undefined
}

export function createControllerFaults(): ControllerFaults {
  const refusals: { left: number; path: string; with: ApiErrorCode | 'hang-up' }[] = []
  return {
    delay: 0,
    refuse({ count, path = '', with: kind = 'SERVER_TOO_MANY_REQUESTS' }) { refusals.push({ left: count, path, with: kind }) },
    take(path) {
      const refusal = refusals.find((one) => one.left > 0 && path.includes(one.path))
      if (refusal === undefined) return undefined
      refusal.left--
      if (refusal.left === 0) refusals.splice(refusals.indexOf(refusal), 1)
      return refusal.with
    },
  }
}
