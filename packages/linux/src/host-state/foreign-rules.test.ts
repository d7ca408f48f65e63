import { beforeAll, describe, expect, it } from 'vitest'
import type { Rule } from '../netlink/rule.ts'
import { enterOwnNetwork, noNetwork, run } from '../../../../tooling/src/testing-host/own-network.ts'
import { addRules, planRule, removeRules } from './route-performers.ts'

const rule: Rule = { family: 4, priority: 100, mark: 0x1, mask: 0x1, table: 7000 }

describe.skipIf(noNetwork)('undoing a rule', () => {
  beforeAll(() => enterOwnNetwork())

  it('leaves an equal one of somebody else, whether ours was made or not', () => {
    run('ip', 'rule', 'add', 'pref', '100', 'fwmark', '0x1/0x1', 'lookup', '7000')
    const before = run('ip', 'rule')
    const { parameters, undo } = planRule(rule)
    removeRules([undo?.parameters ?? {}])
    expect(run('ip', 'rule')).toBe(before)
    addRules([parameters])
    removeRules([undo?.parameters ?? {}])
    expect(run('ip', 'rule')).toBe(before)
    run('ip', 'rule', 'del', 'pref', '100')
  })

  it('removes what we made, and what an earlier version made without its number', () => {
    for (const made of [planRule(rule).parameters, { ...rule }]) {
      addRules([made])
      removeRules([made])
      expect(run('ip', 'rule')).not.toContain('100:')
    }
  })
})
