import type { WantedIntercept } from './interceptor.ts'
import { CodedError } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { tableOf, wanted } from '../testing/wanted.ts'
import { ownPrefixes } from './own-addresses.ts'
import { resolveTable } from './resolve-table.ts'

const own = ownPrefixes(['192.0.2.1', '2001:db8::1', '127.0.0.1', 'fe80::1'])
const names: Record<string, readonly string[]> = { 'web.ziti': ['100.64.0.5', 'fd64::5'], '*.ziti': ['100.64.0.0/10', 'fd64::/64'], 'odd.ziti': ['nonsense'], 'none.ziti': [] }
const options = {
  kind: 'tproxy' as const,
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
    expect(resolveTable(tableOf(wanted('off', { to: 'none.ziti', ports: 80 })), { ...options, kind: 'tun' }).failed).toMatchObject([{ error: { code: 'tun.unassigned' } }])
    expect(resolveTable(tableOf(service), { ...options, own: ownPrefixes(['100.64.0.6']) }).claims.size).toBe(1)
  })
})
