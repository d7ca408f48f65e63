import { describe, expect, it } from 'vitest'
import type { InterceptOptions } from '../options/intercept-options.ts'
import { linkAddress, wantedResolver } from './wanted-resolver.ts'

const options = (configureResolver: boolean, ...listen: { address: string; port: number }[]): InterceptOptions =>
  ({ resolver: { kind: 'server', listen }, configureResolver, ip4Range: '100.64.0.1/10' }) as unknown as InterceptOptions
const local = { address: '127.0.0.1', port: 53 }

describe('wantedResolver', () => {
  it('is our server, by an address that this host can ask', () => {
    expect(wantedResolver(options(true, local), { method: 'file' }, 0)).toMatchObject({ servers: [local], slot: 0 })
    expect(wantedResolver(options(true, { address: '0.0.0.0', port: 53 }), { method: 'file' }, 0).servers).toEqual([local])
  })

  it('is a server on a link of ours where systemd-resolved routes by name', () => {
    expect(wantedResolver(options(true, local), { method: 'link' }, 1)).toEqual({
      servers: [{ address: '100.64.0.2', port: 53 }],
      domains: ['ziti-tunnel.resolver.test'],
      link: { name: 'ziti-dns-2', address: '100.64.0.2' },
      slot: 1,
    })
    expect(wantedResolver(options(false, local), { method: 'link' }, 0).link).toBeUndefined()
  })
})

it('linkAddress counts from the address of the range', () => {
  expect(['100.64.0.1/10', '10.0.0.255/8'].map((range) => linkAddress(range, 1))).toEqual(['100.64.0.2', '10.0.1.0'])
  expect(linkAddress('203.0.113.1/24', 0)).toBe('203.0.113.1')
})
