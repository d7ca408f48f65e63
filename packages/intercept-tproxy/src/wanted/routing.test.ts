import { ownPrefixes, resolveTable } from '@tunnel/core/contracts'
import { tableOf, wanted } from '@tunnel/core/testing'
import { parsePrefix } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import type { HostAddresses } from '../host/host-addresses.ts'
import { numbersOf } from './numbers.ts'
import { routesOf, rulesFor } from './routing.ts'

const host: HostAddresses = { own: ['192.0.2.1', '2001:db8::1', '127.0.0.1', 'fe80::1'], ipv6: true, source: { 4: '192.0.2.1', 6: '2001:db8::1' } }
const names: Record<string, readonly string[]> = { 'web.ziti': ['100.64.0.5', 'fd64::5'], '*.ziti': ['100.64.0.0/10', 'fd64::/64'] }

describe('routes', () => {
  const table = tableOf(
    wanted('lit', { to: ['10.0.0.0/8', '10.1.1.1', 'fd00::1', '0.0.0.0/1'], ports: 80 }),
    wanted('wild', { to: '*.ziti', ports: 80 }),
    wanted('other', { to: 'web.ziti', ports: 80 }),
  )
  const { claims } = resolveTable(table, { kind: 'tproxy', own: ownPrefixes(host.own), ipv6: true, addressesOf: (name) => names[name] ?? [] })
  const pools = ['100.64.0.0/10', 'fd64::/64'].map((text) => parsePrefix(text)!)
  const numbers = numbersOf(0)
  const routes = routesOf(claims.values(), { numbers, host, pools })

  it("lead to names before the host's own, to literals behind; none lies within another", () => {
    expect(routes.map(({ destination, table, source }) => `${destination} ${table} ${source}`)).toEqual([
      '100.64.0.0/10 3133720 192.0.2.1',
      'fd64::/64 3133720 2001:db8::1',
      '0.0.0.0/1 3133740 192.0.2.1',
      'fd00::1/128 3133740 2001:db8::1',
    ])
  })

  it('are behind for a name whose address is that of somebody else', () => {
    const outside = routesOf(claims.values(), { numbers, host, pools: [] })
    expect(new Set(outside.map(({ table }) => table))).toEqual(new Set([3_133_740]))
  })

  it('are led to by rules that pass traffic of tunnelers, where there are any', () => {
    const rules = rulesFor(routes, numbers)
    expect(rules.filter(({ family }) => family === 4)).toEqual([
      { family: 4, priority: 100, mark: 0x7a690000, mask: 0xffff0000, invert: true, table: 3_133_720 },
      { family: 4, priority: 64, mark: 1, mask: 1, table: 3_133_740 },
      { family: 4, priority: 33_000, mark: 0x7a690000, mask: 0xffff0000, invert: true, table: 3_133_740 },
    ])
    expect(rulesFor([], numbers)).toEqual([])
  })
})
