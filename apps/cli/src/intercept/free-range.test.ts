import { describe, expect, it } from 'vitest'
import { defaultIp4Range } from '../options/address-range.ts'
import type { Session } from '../session.ts'
import { withFreeRange } from './free-range.ts'

const eth0 = { device: 'eth0', address: '192.0.2.1', prefixLength: 24 }
const goTunneler = { device: 'lo', address: '100.64.0.1', prefixLength: 10 }
const benchmark = { device: 'eth1', address: '198.19.0.1', prefixLength: 24 }

function settle(addresses: readonly (typeof eth0)[], chosen: { ip4Range?: string; assignment?: string } = {}) {
  const logged: string[] = []
  const intercept = { ip4Range: defaultIp4Range, ip4RangeGiven: chosen.ip4Range !== undefined, assignment: 'synthetic', ...chosen }
  const log = (severity: string, _source: string, message: string) => void logged.push(`${severity} ${message}`)
  const session = { options: { intercept }, log } as unknown as Session
  return { range: withFreeRange(session, addresses).options.intercept.ip4Range, logged }
}

describe('the range of names', () => {
  it('is the default one where nobody else has a part of it; links of our own are nobody else', () => {
    expect(settle([eth0, benchmark, { ...goTunneler, device: 'ziti-dns-2' }])).toEqual({ range: '100.64.0.1/10', logged: [] })
  })

  it('is another one beside a tunneler, VPN or carrier with addresses in it, and one line says so', () => {
    expect(settle([eth0, goTunneler])).toEqual({
      range: '198.18.0.1/15',
      logged: ['warn lo has 100.64.0.1/10 in the range of names, 100.64.0.0/10: names have addresses of 198.18.0.0/15 instead. --dnsSvcIpRange chooses another'],
    })
  })

  it('is another one beside a `tun`, whose DNS server has an address in it', () => {
    const tun = { device: 'tun0', address: '169.254.1.1', prefixLength: 32, peer: '100.64.0.17' }
    expect(settle([eth0, tun])).toMatchObject({ range: '198.18.0.1/15', logged: [expect.stringContaining('tun0 has 100.64.0.17/32 in the range')] })
  })

  it('stays where both are taken, or where it was asked for: with a warning', () => {
    const warning = expect.stringMatching(/^warn lo has 100\.64\.0\.1\/10 in the range of names, .*may be so no more/)
    expect(settle([goTunneler, benchmark])).toEqual({ range: '100.64.0.1/10', logged: [warning] })
    expect(settle([goTunneler], { ip4Range: '100.64.0.1/10' })).toEqual({ range: '100.64.0.1/10', logged: [warning] })
  })

  it('does not matter to names that have the addresses that they have anyway', () => {
    expect(settle([goTunneler], { assignment: 'original' }).logged).toEqual([])
  })
})
