import { expect, it } from 'vitest'
import { RateBudget } from './rate-budget.ts'

it('gives so many in a span, and more when the first are past', () => {
  let now = 0
  const budget = new RateBudget({ now: () => now, after: () => () => {} }, 2, 1000)
  expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false])
  now = 999
  expect(budget.take()).toBe(false)
  now = 1000
  expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false])
})
