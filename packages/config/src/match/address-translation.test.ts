import { describe, expect, it } from 'vitest'
import { translateAddress } from './address-translation.ts'
import { parseIpAddress } from './ip-address.ts'

const ip = (text: string) => parseIpAddress(text)!
const rule = (from: string, to: string, prefixLength: number) => ({ from: ip(from), to: ip(to), prefixLength })

describe('translateAddress (protocol 5.6, rule 3)', () => {
  const rules = [rule('10.0.0.0', '172.16.0.0', 8), rule('10.2.0.77', '192.168.5.99', 24), rule('2001:db8::', 'fd00:1::', 64)]
  const translated = (text: string) => translateAddress(rules, ip(text)).text

  it('takes the network of `to` and the host part of the address', () => {
    expect(translated('10.2.0.9')).toBe('192.168.5.9')
    expect(translated('2001:db8::abcd')).toBe('fd00:1::abcd')
  })

  it('uses the longest prefix that contains the address', () => {
    expect(translated('10.9.8.7')).toBe('172.9.8.7')
  })

  it('leaves an address that no rule contains, also of the other family', () => {
    expect(translated('11.0.0.1')).toBe('11.0.0.1')
    expect(translateAddress([rule('0.0.0.0', '1.0.0.0', 0)], ip('::1')).text).toBe('::1')
  })

  it('translates everything by prefix 0 and one address by prefix 32', () => {
    expect(translateAddress([rule('0.0.0.0', '9.9.9.9', 0)], ip('1.2.3.4')).text).toBe('1.2.3.4')
    expect(translateAddress([rule('1.2.3.4', '9.9.9.9', 32)], ip('1.2.3.4')).text).toBe('9.9.9.9')
  })
})
