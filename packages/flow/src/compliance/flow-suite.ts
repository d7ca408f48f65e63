import { afterEach, beforeEach, describe, expect } from 'vitest'
import type { Flow } from '../flow.ts'
import { backPressureTests } from './flow-back-pressure.ts'
import { deliveryTests } from './flow-delivery.ts'
import { halfCloseTests, resetTests } from './flow-ends.ts'
import { ownershipTests } from './flow-ownership.ts'
import type { Pair } from './flow-pair.ts'
import { until } from './until.ts'
import { WatchedFlow } from './watched-flow.ts'

export interface FlowEnds {
  readonly left: Flow
  readonly right: Flow
  /** Ends what the test has left open. */
  close(): Promise<void>
}

/** Registers tests for every rule of `Flow`. `create` gives two fresh ends, not attached, for each test. */
export function flowCompliance(name: string, create: () => Promise<FlowEnds>): void {
  describe(`${name} is a Flow`, () => {
    let ends: FlowEnds
    let left: WatchedFlow
    let right: WatchedFlow

    beforeEach(async () => {
      ends = await create()
      left = new WatchedFlow(ends.left)
      right = new WatchedFlow(ends.right)
    })

    afterEach(async () => {
      await ends.close()
      expect([...left.violations, ...right.violations]).toEqual([])
    })

    const closed = () => until(() => left.closes.length > 0 && right.closes.length > 0, 'close on both ends')
    const pair: Pair = () => ({ left, right, closed })

    describe('delivery', () => deliveryTests(pair))
    describe('back-pressure', () => backPressureTests(pair))
    describe('half-close', () => halfCloseTests(pair))
    describe('reset', () => resetTests(pair))
    describe('ownership of bytes', () => ownershipTests(pair))
  })
}
