import type { WantedIntercept } from '@tunnel/core/contracts'
import { CodedError } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { holesOf, ownPrefixes, type HostAddresses } from '../host/host-addresses.ts'
import { tableOf, wanted } from '@tunnel/core/testing'
import { numbersOf } from './numbers.ts'
import { resolveTable } from './resolve.ts'
import { routesOf, rulesFor } from './routing.ts'
import { parsePrefix } from '@tunnel/flow'

const host: HostAddresses = { own: ['192.0.2.1', '2001:db8::1', '127.0.0.1', 'fe80::1'], ipv6: true, source: { 4: '192.0.2.1', 6: '2001:db8::1' } }
const own = ownPrefixes(host)
const names: Record<string, readonly string[]> = { 'web.ziti': ['100.64.0.5', 'fd64::5'], '*.ziti': ['100.64.0.0/10', 'fd64::/64'], 'odd.ziti': ['nonsense'], 'none.ziti': [] }
const options = {
  holes: holesOf(own),
  own,
  ipv6: true,
  addressesOf(name: string) {
    if (name === 'full.ziti') throw new CodedError('dns.pool-exhausted', 'The pool is exhausted')
    return names[name] ?? []
  },
}
const resolve = (...intercepts: WantedIntercept[]) => resolveTable(tableOf(...intercepts), options)

describe('a table', () => {
  it('is claimed address by address', () => {
    const { claims, failed } = resolve(
      wanted('web', { to: ['10.0.0.1', 'web.ziti'], ports: 80, protocols: ['tcp', 'udp'] }),
      wanted('net', { to: '10.0.0.0/8', ports: [1, 99], from: ['192.168.0.0/16', 'fd00::/8'] }),
    )
    expect(failed).toEqual([])
    expect([...claims.keys()]).toEqual([
      "tcp 10.0.0.1:80 for service 'web'",
      "udp 10.0.0.1:80 for service 'web'",
      "tcp 100.64.0.5:80 for service 'web'",
      "udp 100.64.0.5:80 for service 'web'",
      "tcp [fd64::5]:80 for service 'web'",
      "udp [fd64::5]:80 for service 'web'",
      "tcp 10.0.0.0/8:1-99 from 192.168.0.0/16 for service 'net'",
    ])
  })

  it.each([
    ['192.0.2.1', 'tproxy.address-local'],
    ['2001:db8::1', 'tproxy.address-local'],
    ['127.0.0.0/8', 'tproxy.address-local'],
    ['ff02::1', 'tproxy.address-local'],
    ['none.ziti', 'tproxy.unassigned'],
    ['odd.ziti', 'tproxy.address-invalid'],
    ['full.ziti', 'dns.pool-exhausted'],
  ])('fails for %s alone: %s', (address, code) => {
    const { claims, failed } = resolve(wanted('bad', { to: [address, '10.0.0.9'], ports: 80 }), wanted('good', { to: '10.0.0.8', ports: 80 }))
    expect(failed).toEqual([{ service: 'bad', error: expect.objectContaining({ code }) }])
    expect(claims.size).toBe(2)
  })

  it('notes own addresses within a range, and fails for IPv6 on a host without', () => {
    expect(resolve(wanted('a', { to: '192.0.2.0/24', ports: 80 })).notes).toEqual(["192.0.2.0/24 of service 'a' contains 192.0.2.1 of this host, which is left alone"])
    const without = resolveTable(tableOf(wanted('six', { to: ['fd00::1', 'web.ziti'], ports: 80 })), { ...options, ipv6: false })
    expect(without.failed).toMatchObject([{ service: 'six', error: { code: 'tproxy.no-ipv6' } }])
    expect([...without.claims.keys()]).toEqual(["tcp 100.64.0.5:80 for service 'six'"])
  })

  it('is looked at anew when names or the host have changed', () => {
    const service = wanted('web', { to: 'web.ziti', ports: 80 })
    const first = [...resolve(service).claims.values()]
    expect([...resolve(service).claims.values()][0]).toBe(first[0])
    names['web.ziti'] = ['100.64.0.6']
    expect([...resolve(service).claims.keys()]).toEqual(["tcp 100.64.0.6:80 for service 'web'"])
    const moved = ownPrefixes({ ...host, own: ['100.64.0.6'] })
    expect(resolveTable(tableOf(service), { ...options, own: moved, holes: holesOf(moved) }).claims.size).toBe(1)
  })
})

describe('routes', () => {
  const { claims } = resolve(
    wanted('lit', { to: ['10.0.0.0/8', '10.1.1.1', 'fd00::1', '0.0.0.0/1'], ports: 80 }),
    wanted('wild', { to: '*.ziti', ports: 80 }),
    wanted('other', { to: 'web.ziti', ports: 80 }),
  )
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
