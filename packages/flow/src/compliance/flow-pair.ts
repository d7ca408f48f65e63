import { CodedError } from '../coded-error.ts'
import type { WatchedFlow } from './watched-flow.ts'

/** The two ends of the test that runs, and what waits until both have closed. */
export interface FlowPair {
  readonly left: WatchedFlow
  readonly right: WatchedFlow
  closed(): Promise<void>
}

/** Inside tests only. */
export type Pair = () => FlowPair

export const testError = (): CodedError => new CodedError('test.reset', 'the test resets it')
