import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contains, formatAddress, formatPrefix, overlaps, parsePrefix, prefixOf } from './prefix.ts'

describe('prefixes', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3/32'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['FD00:0:0::1', 'fd00::1/128'],
    ['2001:db8:1:2::3/33', '2001:db8::/33'],
    ['::/0', '::/0'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201/128'],
  ])('%s is %s', (text, cidr) => expect(parsePrefix(text)?.cidr).toBe(cidr))

  it.each(['', '10.1.2', '10.1.2.3/33', 'fd00::/129', 'fe80::1%eth0', 'web.ziti', '10.0.0.0/', '/8', '1.2.3.4/8/8'])('%s is none', (text) =>
    expect(parsePrefix(text)).toBeUndefined(),
  )

  it('are read as they are written', () => {
    fc.assert(
      fc.property(fc.constantFrom(4 as const, 6 as const), fc.bigInt(0n, (1n << 128n) - 1n), (family, any) => {
        const value = family === 4 ? any & 0xffff_ffffn : any
        expect(parsePrefix(formatAddress(family, value))).toMatchObject({ family, low: value, high: value })
      }),
    )
  })

  it('of a single address are shown without a length', () => {
    expect(formatPrefix(prefixOf(4, 1n))).toBe('0.0.0.1')
    expect(formatPrefix(prefixOf(6, 1n, 64))).toBe('::/64')
  })

  it('contain and overlap within one family', () => {
    const [ten, host, v6] = ['10.0.0.0/8', '10.1.2.3', '::/0'].map((text) => parsePrefix(text)!)
    expect([contains(ten!, host!), contains(host!, ten!), overlaps(host!, ten!), contains(v6!, host!), overlaps(v6!, ten!)]).toEqual([true, false, true, false, false])
  })
})
