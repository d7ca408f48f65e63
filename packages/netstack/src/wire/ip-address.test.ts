import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBroadcast, isLoopback, isMapped, isMulticast, isUnicast, isUnspecified, solicitedNode } from './address-kind.ts'
import { address } from '../testing/build-packet.ts'
import { formatAddress, parseAddress, readIpv4Address, readIpv6Address, writeAddress } from './ip-address.ts'

describe('IpAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('reads %s and writes %s', (text, canonical) => {
    expect(formatAddress(parseAddress(text)!)).toBe(canonical)
  })

  it('takes from any text only what Node takes, and the same', () => {
    const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/))
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseAddress(text)
        expect(parsed?.version ?? 0).toBe(isIP(text))
        if (parsed) expect(parseAddress(String(parsed))!.equals(parsed)).toBe(true)
      }),
    )
  })

  it('is equal by value, and goes to bytes and back', () => {
    for (const text of ['10.1.2.3', '2001:db8::5', '::ffff:10.1.2.3']) {
      const bytes = new Uint8Array(20)
      writeAddress(address(text), bytes, 3)
      const read = (text.includes(':') ? readIpv6Address : readIpv4Address)(bytes, 3)
      expect(read.equals(address(text))).toBe(true)
      expect(read.hash(5)).toBe(address(text).hash(5))
    }
    expect(address('10.1.2.3').equals(address('::ffff:10.1.2.3'))).toBe(false)
    expect(address('10.1.2.3').equals(address('10.1.2.4'))).toBe(false)
  })

  it('gives the known object back for the same address', () => {
    const known = address('10.0.0.9')
    expect(readIpv4Address(Uint8Array.of(10, 0, 0, 9), 0, known)).toBe(known)
    expect(readIpv4Address(Uint8Array.of(10, 0, 0, 8), 0, known)).not.toBe(known)
    // Not an IPv6 address of the same last word.
    expect(readIpv4Address(Uint8Array.of(0, 0, 0, 1), 0, address('::1')).version).toBe(4)
  })

  it('spreads neighbours over hashes, differently for each secret', () => {
    const buckets = (secret: number): Set<number> => new Set(Array.from({ length: 256 }, (_, last) => address(`10.0.0.${last}`).hash(secret) & 0xffff))
    expect(buckets(1).size).toBeGreaterThan(250)
    expect([...buckets(1)]).not.toEqual([...buckets(2)])
  })

  it('knows kinds of addresses', () => {
    const kinds = { isMulticast, isBroadcast, isUnspecified, isLoopback, isMapped, isUnicast }
    const kindsOf = (text: string): string[] => Object.entries(kinds).flatMap(([name, is]) => (is(address(text)) ? [name] : []))
    expect(['224.0.0.251', 'ff02::1', '255.255.255.255', '0.0.0.0', '0.1.2.3', '::', '127.9.9.9', '::1', '::ffff:1.2.3.4', '10.0.0.1', '::2'].map(kindsOf)).toEqual([
      ['isMulticast'], ['isMulticast'], ['isBroadcast'], ['isUnspecified'], ['isUnspecified'], ['isUnspecified'],
      ['isLoopback', 'isUnicast'], ['isLoopback', 'isUnicast'], ['isMapped', 'isUnicast'], ['isUnicast'], ['isUnicast'],
    ])
    expect(String(solicitedNode(address('2001:db8::12:3456')))).toBe('ff02::1:ff12:3456')
  })
})
