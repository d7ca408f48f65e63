import type { Protocol } from '@tunnel/flow'

/** Why a request was refused before anything was dialled. */
export type RefusalCause = 'no-service' | 'flow-limit' | 'dial-limit' | 'stopping'

export type CounterName =
  | `requests.${Protocol}`
  | `requests.refused.${RefusalCause}`
  | 'dials.started'
  | 'dials.succeeded'
  | 'dials.abandoned'
  /** By error code: `dials.failed.dial.no-terminator`. */
  | `dials.failed.${string}`
  | 'calls.received'
  | 'calls.accepted'
  /** By error code: `calls.refused.host.not-allowed`. */
  | `calls.refused.${string}`
  | 'flows.opened'
  /** Closed in order, and ended by an error. */
  | 'flows.closed'
  | 'flows.failed'
  /** From the client to the server, and back; of flows that ended. Datagrams of udp flows are counted apart. */
  | 'bytes.up'
  | 'bytes.down'
  | 'datagrams.up'
  | 'datagrams.down'
  | 'intercept.applies'
  | 'intercept.failures'
  | 'bindings.opened'
  | 'bindings.failed'
  | 'health.checks'
  | 'health.failures'

export interface Counters {
  increment(name: CounterName, by?: number): void
  get(name: CounterName): number
  /** A copy, in order of name: what was never counted is absent. */
  snapshot(): Readonly<Record<string, number>>
}

/** Totals since start, by name. They only grow; a reader takes differences. */
export function createCounters(): Counters {
  const totals = new Map<string, number>()
  return {
    increment: (name, by = 1) => void totals.set(name, (totals.get(name) ?? 0) + by),
    get: (name) => totals.get(name) ?? 0,
    snapshot: () => Object.fromEntries([...totals].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}
