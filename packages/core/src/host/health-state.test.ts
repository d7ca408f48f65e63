import type { HealthAction } from '@tunnel/config'
import { describe, expect, it } from 'vitest'
import type { Baseline } from './bind-options.ts'
import { afterResult, applyActions, noHistory } from './health-state.ts'

const baseline: Baseline = { cost: 10, precedence: 'default' }

/** Results at one per second; gives the state after each, as `cost precedence`. */
function run(actions: readonly HealthAction[], results: string): string[] {
  let history = noHistory
  let current = baseline
  return [...results].map((result, second) => {
    const before = history
    history = afterResult(before, result === '+', second * 1_000)
    current = applyActions(actions, before, history, second * 1_000, { baseline, current })
    return `${current.cost} ${current.precedence}`
  })
}

describe('actions of a health check (protocol section 5.7)', () => {
  it('wait for their number of results in a row', () => {
    const actions: HealthAction[] = [
      { trigger: 'fail', consecutiveEvents: 2, effect: { do: 'mark unhealthy' } },
      { trigger: 'pass', consecutiveEvents: 2, effect: { do: 'mark healthy' } },
    ]
    expect(run(actions, '-+--+-++')).toEqual([
      ...Array.from({ length: 3 }, () => '10 default'),
      ...Array.from({ length: 4 }, () => '10 failed'),
      '10 default',
    ])
  })

  it('wait for their time', () => {
    const action: HealthAction = { trigger: 'fail', duration: 2_000, effect: { do: 'mark unhealthy' } }
    expect(run([action], '-+----').map((state) => state === '10 failed')).toEqual([false, false, false, false, true, true])
  })

  it('keep the cost between the baseline and 65,535, and do not raise it while failed', () => {
    const raise: HealthAction = { trigger: 'fail', effect: { do: 'increase cost', by: 40_000 } }
    const lower: HealthAction = { trigger: 'pass', effect: { do: 'decrease cost', by: 50_000 } }
    expect(run([raise, lower], '--++')).toEqual(['40010 default', '65535 default', '15535 default', '10 default'])
    const fail: HealthAction = { trigger: 'fail', effect: { do: 'mark unhealthy' } }
    expect(run([fail, raise], '--')).toEqual(['10 failed', '10 failed'])
  })

  it('on a change come at each turn, but not at the first result', () => {
    const change: HealthAction = { trigger: 'change', effect: { do: 'increase cost', by: 1 } }
    expect(run([change], '--++-')).toEqual(['10 default', '10 default', '11 default', '11 default', '12 default'])
  })
})
