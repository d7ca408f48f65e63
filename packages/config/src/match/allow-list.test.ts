import { describe, expect, it } from 'vitest'
import { parseAllowedAddress } from './address-pattern.ts'
import { allowsAddress } from './allow-list.ts'

const list = (...texts: string[]) => texts.map((text) => parseAllowedAddress(text)!)

describe('allowsAddress (protocol 5.6, rule 2)', () => {
  it('allows an exact name ignoring case', () => {
    expect(allowsAddress(list('db.corp.ziti'), 'DB.Corp.ziti')).toBe(true)
    expect(allowsAddress(list('db.corp.ziti'), 'a.db.corp.ziti')).toBe(false)
  })

  it('allows the domain itself by its wildcard, unlike an intercept', () => {
    expect(allowsAddress(list('*.corp.ziti'), 'corp.ziti')).toBe(true)
    expect(allowsAddress(list('*.corp.ziti'), 'a.b.corp.ziti')).toBe(true)
    expect(allowsAddress(list('*.corp.ziti'), 'evilcorp.ziti')).toBe(false)
  })

  it('allows every name by *, but no address', () => {
    expect(allowsAddress(list('*'), 'anything')).toBe(true)
    expect(allowsAddress(list('*'), '10.0.0.1')).toBe(false)
    expect(allowsAddress(list('*'), '')).toBe(false)
  })

  it('allows addresses by address and by range', () => {
    expect(allowsAddress(list('10.2.0.0/16', '::1'), '10.2.9.9')).toBe(true)
    expect(allowsAddress(list('10.2.0.0/16', '::1'), '0:0::1')).toBe(true)
    expect(allowsAddress(list('10.2.0.0/16', '::1'), '10.3.0.1')).toBe(false)
    expect(allowsAddress(list('10.2.0.0/16'), '::ffff:10.2.0.1')).toBe(true)
  })

  it('allows nothing by an empty list', () => {
    expect(allowsAddress([], 'db.corp.ziti')).toBe(false)
  })
})
