import type { Clock, Log } from '@tunnel/flow'
import type { FlowRegistry } from '../flows/flow-registry.ts'
import type { Limits } from '../limits.ts'
import type { Counters } from '../metrics/counters.ts'
import type { HostDialer } from './host-dialer.ts'

/** What all hosting of one tunneler shares. */
export interface HostContext {
  readonly dialer: HostDialer
  readonly limits: Limits
  readonly registry: FlowRegistry
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Log
}
