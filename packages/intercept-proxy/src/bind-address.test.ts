import { describe, expect, it } from 'vitest'
import { lookupHostInterface, resolveBindAddress } from './bind-address.ts'

describe('resolveBindAddress', () => {
  const lookup = (name: string) => (name === 'eth7' ? '192.0.2.7' : undefined)

  it('leaves IP addresses, and finds those of interfaces', () => {
    expect(resolveBindAddress('127.0.0.1', lookup)).toBe('127.0.0.1')
    expect(resolveBindAddress('::', lookup)).toBe('::')
    expect(resolveBindAddress('eth7', lookup)).toBe('192.0.2.7')
    expect(resolveBindAddress('eth8', lookup)).toBeUndefined()
  })
})

describe('lookupHostInterface', () => {
  it('knows no interface that is not there', () => expect(lookupHostInterface('no-such-interface')).toBeUndefined())
})
