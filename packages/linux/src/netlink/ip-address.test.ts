import { SocketAddress } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress, parseAddress, parsePrefix } from './ip-address.ts'

describe('addresses', () => {
  it('are what node:net takes them for', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), fc.ipV4()), (text) => {
        const bytes = parseAddress(text)
        const family = text.includes(':') ? 'ipv6' : 'ipv4'
        const canonical = new SocketAddress({ address: text, family }).address
        expect(bytes && parseAddress(canonical)).toEqual(bytes)
        expect(bytes && parseAddress(formatAddress(bytes))).toEqual(bytes)
      }),
    )
  })

  it('print in the form of RFC 5952', () => {
    const cases = ['::', '::1', '1::', '2001:db8::1', '2001:db8:0:1:1:1:1:1', '1:0:0:2::3', '::ffff:10.0.0.1', 'fe80::1:0:0:1', '10.0.0.1']
    expect(cases.map((text) => formatAddress(parseAddress(text)!))).toEqual([
      ...['::', '::1', '1::', '2001:db8::1', '2001:db8:0:1:1:1:1:1', '1:0:0:2::3', '::ffff:10.0.0.1', 'fe80::1:0:0:1', '10.0.0.1'],
    ])
    expect(formatAddress(Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 0, 0, 4))).toBe('1::2:3:0:0:4')
  })

  it('refuse everything else', () => {
    for (const text of ['', '10.0.0', '10.0.0.256', '::g', 'fe80::1%lo', 'localhost', '1:2:3:4:5:6:7:8:9']) expect(parseAddress(text)).toBeUndefined()
  })
})

describe('prefixes', () => {
  it('have no bits behind their length', () => {
    expect(parsePrefix('10.1.2.3/8')).toEqual({ family: 4, bytes: Uint8Array.of(10, 0, 0, 0), length: 8 })
    expect(parsePrefix('10.1.2.255/25')?.bytes).toEqual(Uint8Array.of(10, 1, 2, 128))
    expect(parsePrefix('0.0.0.0/0')).toEqual({ family: 4, bytes: new Uint8Array(4), length: 0 })
    expect(parsePrefix('fd00::1')?.length).toBe(128)
    expect(parsePrefix('ffff::/12')?.bytes[1]).toBe(0xf0)
  })

  it('refuse everything else', () => {
    for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '/8', '10.0.0.0/1e1']) expect(parsePrefix(text)).toBeUndefined()
  })
})
