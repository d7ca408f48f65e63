import { describe, expect, it } from 'vitest'
import { routingDomains } from './routing-domains.ts'

describe('routingDomains', () => {
  it.each([
    [['*.ziti', 'db.corp'], ['db.corp', 'ziti']],
    [['*.ziti', 'a.ziti', 'b.c.ziti', 'ZITI.'], ['ziti']],
    [['db.corp', 'x.db.corp', 'xdb.corp'], ['db.corp', 'xdb.corp']],
    [['', '*.'], []],
    [[], []],
  ])('%j routes %j', (names, domains) => expect(routingDomains(names)).toEqual(domains))

  it('takes the parents of the longest names when there are too many', () => {
    const names = [...Array.from({ length: 50 }, (_, index) => `h${index}.a.corp`), ...Array.from({ length: 5 }, (_, index) => `s${index}.test`)]
    expect(routingDomains(names, 10)).toEqual(['a.corp', 's0.test', 's1.test', 's2.test', 's3.test', 's4.test'])
  })

  it('stays within what systemd-resolved takes, and within milliseconds, for 10,000 names', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `h${index}.z${index % 1500}.corp`)
    const started = performance.now()
    expect(routingDomains(names)).toEqual(['corp'])
    expect(performance.now() - started).toBeLessThan(500)
  })
})
