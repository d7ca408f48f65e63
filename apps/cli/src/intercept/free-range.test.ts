import { slotCount } from '@tunnel/linux'
import { describe, expect, it } from 'vitest'
import { defaultIp4Range, defaultIp6Range } from '../options/address-range.ts'
import { linkAddress } from '../resolver/wanted-resolver.ts'
import type { Session } from '../session.ts'
import { withFreeRange } from './free-range.ts'
import { tunAddressesOf } from './tun-addresses.ts'

const eth0 = { device: 'eth0', address: '192.0.2.1', prefixLength: 24 }
const goTunneler = { device: 'lo', address: '100.64.0.1', prefixLength: 10 }
const benchmarks = ['198.18.0.1', '198.19.0.1'].map((address) => ({ device: 'eth1', address, prefixLength: 24 }))

const tun = [{ device: 'tun0', address: '169.254.1.1', prefixLength: 32, peer: '100.64.0.17' }, { device: 'tun0', address: 'fd7a:6974:6900::1', prefixLength: 128 }]

function settle(addresses: readonly (typeof eth0)[], chosen: { ip4Range?: string; ip6Range?: string | undefined; assignment?: string } = {}) {
  const logged: string[] = []
  const given = { ip4RangeGiven: chosen.ip4Range !== undefined, ip6RangeGiven: 'ip6Range' in chosen }
  const intercept = { ip4Range: defaultIp4Range, ip6Range: defaultIp6Range, ...given, assignment: 'synthetic', ...chosen }
  const log = (severity: string, _source: string, message: string) => void logged.push(`${severity} ${message}`)
  const session = { options: { intercept }, log } as unknown as Session
  const { ip4Range: range, ip6Range: range6 } = withFreeRange(session, addresses).options.intercept
  return { range, range6, logged }
}

describe('the range of names', () => {
  it('is the default one where nobody else has a part of it; links of our own are nobody else', () => {
    expect(settle([eth0, ...benchmarks, { ...goTunneler, device: 'ziti-dns-2' }])).toEqual({ range: '100.64.0.1/10', range6: 'fd7a:6974:6900::/64', logged: [] })
  })

  it('is another one beside a tunneler, VPN or carrier with addresses in it, and one line says so', () => {
    expect(settle([eth0, goTunneler])).toEqual({
      range: '198.18.0.1/16',
      range6: 'fd7a:6974:6900::/64',
      logged: ['warn lo has 100.64.0.1/10 in the range of names, 100.64.0.0/10: names have addresses of 198.18.0.0/16 instead. --dnsSvcIpRange chooses another'],
    })
  })

  it('is another one beside a `tun`, whose DNS server has an address in it; of IPv6 too, where its link has one', () => {
    expect(settle([eth0, ...tun])).toEqual({
      range: '198.18.0.1/16',
      range6: 'fd7a:6974:6902::/64',
      logged: [
        'warn tun0 has 100.64.0.17/32 in the range of names, 100.64.0.0/10; tun0 has fd7a:6974:6900::1/128 in the range of names, fd7a:6974:6900::/64: ' +
          'names have addresses of 198.18.0.0/16 and fd7a:6974:6902::/64 instead. --dnsSvcIpRange and --dnsSvcIp6Range choose others',
      ],
    })
    expect(settle(tun, { ip4Range: '10.64.0.1/10' })).toMatchObject({ range: '10.64.0.1/10', range6: 'fd7a:6974:6902::/64', logged: [expect.stringMatching(/^warn tun0 has fd7a.* of fd7a:6974:6902::.* --dnsSvcIp6Range chooses another$/)] })
    expect(settle(tun, { ip6Range: undefined })).toMatchObject({ range: '198.18.0.1/16', range6: undefined, logged: [expect.not.stringContaining('fd7a')] })
  })

  it('is one of its own for each further `tun`, which shows by the addresses of its link', () => {
    const links = [...tun]
    const ranges = [1, 2].map((slot) => {
      const { range, range6 } = settle(links)
      const v6 = tunAddressesOf({ ip6Range: range6, ip6RangeGiven: false }).v6
      links.push({ device: `tun${slot}`, address: '169.254.1.1', prefixLength: 32, peer: linkAddress(range, slotCount + slot) }, { device: `tun${slot}`, address: v6, prefixLength: 128 })
      return [range, range6, v6]
    })
    expect(ranges).toEqual([['198.18.0.1/16', 'fd7a:6974:6902::/64', 'fd7a:6974:6902::1'], ['198.19.0.1/16', 'fd7a:6974:6903::/64', 'fd7a:6974:6903::1']])
    expect(settle(links)).toMatchObject({ range: '100.64.0.1/10', range6: 'fd7a:6974:6904::/64' })
  })

  it('leaves its link the usual address where the command line has the range', () => {
    expect(tunAddressesOf({ ip6Range: 'fd00:1::/48', ip6RangeGiven: true })).toEqual({ v4: '169.254.1.1', v6: 'fd7a:6974:6900::1' })
    expect(tunAddressesOf({ ip6Range: undefined, ip6RangeGiven: true })).toEqual({ v4: '169.254.1.1', v6: 'fd7a:6974:6900::1' })
  })

  it('stays where all are taken, or where it was asked for: with a warning', () => {
    const warning = expect.stringMatching(/^warn lo has 100\.64\.0\.1\/10 in the range of names, .*may be so no more/)
    expect(settle([goTunneler, ...benchmarks])).toMatchObject({ range: '100.64.0.1/10', logged: [warning] })
    expect(settle([goTunneler], { ip4Range: '100.64.0.1/10' })).toMatchObject({ range: '100.64.0.1/10', logged: [warning] })
    const warning6 = expect.stringMatching(/^warn tun0 has fd7a:.* may be so no more\. --dnsSvcIp6Range chooses another/)
    expect(settle(tun.slice(1), { ip6Range: 'fd7a:6974:6900::/64' })).toMatchObject({ range6: 'fd7a:6974:6900::/64', logged: [warning6] })
  })

  it('does not matter to names that have the addresses that they have anyway', () => {
    expect(settle([goTunneler], { assignment: 'original' }).logged).toEqual([])
  })
})
