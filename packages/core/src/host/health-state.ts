import type { HealthAction, HealthEffect } from '@tunnel/config'
import type { Milliseconds } from '@tunnel/flow'
import type { Baseline } from './bind-options.ts'

/** The results of one check so far, as far as its actions ask for them. */
export interface CheckHistory {
  readonly passing: boolean | undefined
  /** Results in a row that were like the last one, itself included. */
  readonly streak: number
  readonly since: Milliseconds
}

export const noHistory: CheckHistory = { passing: undefined, streak: 0, since: 0 }

const MAX_COST = 65_535

export function afterResult(history: CheckHistory, passing: boolean, now: Milliseconds): CheckHistory {
  if (history.passing !== passing) return { passing, streak: 1, since: now }
  return { ...history, streak: history.streak + 1 }
}

/**
 * What the actions of a check make of the terminator after one more result (protocol section 5.7). Pure: `before` and
 * `after` are the histories around the result.
 */
export function applyActions(
  actions: readonly HealthAction[],
  before: CheckHistory,
  after: CheckHistory,
  now: Milliseconds,
  { baseline, current }: { baseline: Baseline; current: Baseline },
): Baseline {
  return actions
    .filter((action) => isDue(action, before, after, now))
    .reduce((next, { effect }) => applyEffect(effect, next, baseline), current)
}

function isDue({ trigger, consecutiveEvents, duration }: HealthAction, before: CheckHistory, after: CheckHistory, now: Milliseconds): boolean {
  if (trigger === 'change') return before.passing !== undefined && before.passing !== after.passing
  if ((trigger === 'pass') !== after.passing) return false
  if (consecutiveEvents !== undefined && after.streak < consecutiveEvents) return false
  return duration === undefined || now - after.since >= duration
}

function applyEffect(effect: HealthEffect, current: Baseline, baseline: Baseline): Baseline {
  switch (effect.do) {
    case 'mark healthy':
      return { ...current, precedence: baseline.precedence }
    case 'mark unhealthy':
      return { ...current, precedence: 'failed' }
    case 'increase cost':
      // Not while failed: nobody is sent here then, and the cost would only grow.
      return current.precedence === 'failed' ? current : { ...current, cost: Math.min(current.cost + effect.by, MAX_COST) }
    case 'decrease cost':
      return { ...current, cost: Math.max(current.cost - effect.by, baseline.cost) }
    case 'send event':
      // The overlay contract has no health event: with routers 2.x they may not resolve (protocol section 5.3).
      return current
  }
}
