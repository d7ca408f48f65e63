import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchAddress, matchTarget, parseAddressPattern, parseAllowedAddress } from './address-pattern.ts'

const score = (pattern: string, target: string) => matchAddress(parseAddressPattern(pattern)!, matchTarget(target))

describe('parseAddressPattern', () => {
  it('clears the host bits of a range', () => {
    expect(parseAddressPattern('10.2.3.4/16')).toMatchObject({ kind: 'cidr', text: '10.2.3.4/16', network: { text: '10.2.0.0' }, prefixLength: 16 })
    expect(parseAddressPattern('2001:db8::1/32')).toMatchObject({ kind: 'cidr', network: { text: '2001:db8::' }, prefixLength: 32 })
  })

  it('takes a range of one address as that address', () => {
    expect(parseAddressPattern('10.1.2.3/32')).toMatchObject({ kind: 'ip', ip: { text: '10.1.2.3' } })
    expect(parseAddressPattern('::1/128')).toMatchObject({ kind: 'ip', ip: { text: '::1' } })
  })

  it('takes a mapped range as an IPv4 range', () => {
    expect(parseAddressPattern('::ffff:10.0.0.0/104')).toMatchObject({ kind: 'cidr', network: { text: '10.0.0.0' }, prefixLength: 8 })
    expect(parseAddressPattern('::ffff:10.0.0.0/90')).toMatchObject({ kind: 'cidr', network: { family: 6 }, prefixLength: 90 })
  })

  it.each(['1.2.3.4/56', '1.2.3.4/', '1.2.3.4/-1', '::1/129', '1.2.3', 'web.ziti', 'a_b'])(
    'takes %s as a DNS label: it is no valid IP or CIDR (protocol 6.1)',
    (text) => expect(parseAddressPattern(text)).toEqual({ kind: 'host', text, name: text }),
  )

  it('compares names in lower case, without the dot of a full name', () => {
    expect(parseAddressPattern('Web.Ziti.')).toMatchObject({ kind: 'host', name: 'web.ziti' })
    expect(parseAddressPattern('*.Corp.Ziti')).toMatchObject({ kind: 'wildcard', suffix: '.corp.ziti' })
  })

  it.each([
    ['Müller.Ziti.', 'xn--mller-kva.ziti'],
    ['*.bücher.ziti', '.xn--bcher-kva.ziti'],
    ['münchen:1.ziti', 'münchen:1.ziti'],
  ])('has %s in the form that DNS is asked for', (text, name) => {
    expect(parseAddressPattern(text)).toMatchObject(text.startsWith('*') ? { suffix: name } : { name })
    expect(score(text, text.replace('*', 'x'))).toBe(text.startsWith('*') ? 1 : 0)
  })

  it.each(['', 'a', 'ab', '*', '*.', '*..', '*corp.ziti', 'a*.ziti', '*.*.ziti', 'web.*'])('refuses %j', (text) => {
    expect(parseAddressPattern(text)).toBeUndefined()
  })

  it('never throws, and keeps the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseAddressPattern(text)?.text ?? text).toBe(text)
        expect(parseAllowedAddress(text)?.text ?? text).toBe(text)
      }),
    )
  })
})

describe('parseAllowedAddress', () => {
  it('takes * and short names too', () => {
    expect(parseAllowedAddress('*')).toMatchObject({ kind: 'wildcard', suffix: '' })
    expect(parseAllowedAddress('db')).toMatchObject({ kind: 'host', name: 'db' })
    expect(parseAllowedAddress('')).toBeUndefined()
  })
})

describe('matchAddress (protocol 6.1)', () => {
  it('scores an exact name or address 0', () => {
    expect(score('web.ziti', 'WEB.ziti.')).toBe(0)
    expect(score('10.1.2.3', '::ffff:10.1.2.3')).toBe(0)
    expect(score('2001:db8::a', '2001:0DB8:0::A')).toBe(0)
  })

  it('scores a range by its host bits', () => {
    expect(score('10.2.0.0/16', '10.2.255.1')).toBe(16)
    expect(score('0.0.0.0/0', '10.2.255.1')).toBe(32)
    expect(score('2001:db8::/32', '2001:db8::1')).toBe(96)
    expect(score('10.2.0.0/16', '10.3.0.1')).toBeUndefined()
  })

  it('scores a wildcard by the length of what it stands for, and does not match the domain itself', () => {
    expect(score('*.corp.ziti', 'db.corp.ziti')).toBe(2)
    expect(score('*.corp.ziti', 'a.db.corp.ziti')).toBe(4)
    expect(score('*.corp.ziti', 'corp.ziti')).toBeUndefined()
    expect(score('*.corp.ziti', '.corp.ziti')).toBeUndefined()
    expect(score('*.corp.ziti', 'notcorp.ziti')).toBeUndefined()
  })

  it('never takes an address for a name, nor a name for an address', () => {
    expect(matchAddress(parseAllowedAddress('*')!, matchTarget('10.0.0.1'))).toBeUndefined()
    expect(score('0.0.0.0/0', 'web.ziti')).toBeUndefined()
  })
})
