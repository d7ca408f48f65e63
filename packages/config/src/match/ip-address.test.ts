import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ipAddressOf, isInNetwork, networkOf, parseIpAddress, parseUnmapped } from './ip-address.ts'

const anyIp = fc.oneof(fc.ipV4(), fc.ipV6())

describe('parseIpAddress', () => {
  it.each([
    ['10.1.2.3', 4, 0x0a010203n, '10.1.2.3'],
    ['255.255.255.255', 4, 0xffffffffn, '255.255.255.255'],
    ['::', 6, 0n, '::'],
    ['::1', 6, 1n, '::1'],
    ['2001:DB8:0:0::00A', 6, 0x20010db800000000000000000000000an, '2001:db8::a'],
    ['1:2:3:4:5:6:7:8', 6, 0x00010002000300040005000600070008n, '1:2:3:4:5:6:7:8'],
    ['1::', 6, 0x00010000000000000000000000000000n, '1::'],
    ['64:ff9b::1.2.3.4', 6, 0x0064ff9b000000000000000001020304n, '64:ff9b::102:304'],
    ['::1.2.3.4', 6, 0x01020304n, '::102:304'],
    ['fe80::1%eth0', 6, 0xfe800000000000000000000000000001n, 'fe80::1'],
  ] as const)('reads %s', (written, family, value, text) => {
    expect(parseIpAddress(written)).toEqual({ family, value, text })
  })

  it('takes an IPv4-mapped address as the IPv4 address that it is', () => {
    expect(parseIpAddress('::ffff:1.2.3.4')).toEqual(parseIpAddress('1.2.3.4'))
    expect(parseIpAddress('::ffff:102:304')?.text).toBe('1.2.3.4')
    expect(parseUnmapped('::ffff:102:304')?.family).toBe(6)
  })

  it.each(['', '1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', ' 1.2.3.4', '0x1.2.3.4', '1::2::3', ':::', 'fe80::1%', 'web.ziti', '[::1]'])(
    'does not take %j',
    (text) => expect(parseIpAddress(text)).toBeUndefined(),
  )

  it('takes exactly what the operating system takes, and its text reads back as the same address', () => {
    fc.assert(
      fc.property(fc.oneof(anyIp, fc.string()), (text) => {
        const address = parseIpAddress(text)
        expect(address !== undefined).toBe(isIP(text) !== 0)
        if (address) expect(parseIpAddress(address.text)).toEqual(address)
      }),
    )
  })

  it('gives a value that ipAddressOf turns back', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (value) => {
        expect(parseUnmapped(ipAddressOf(6, value).text)?.value).toBe(value)
      }),
    )
  })
})

describe('isInNetwork', () => {
  it('agrees with the BlockList of Node', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.nat(32), (one, other, prefixLength) => {
        const list = new BlockList()
        list.addSubnet(other, prefixLength, 'ipv4')
        const inside = isInNetwork(parseIpAddress(one)!, networkOf(parseIpAddress(other)!, prefixLength), prefixLength)
        expect(inside).toBe(list.check(one, 'ipv4'))
      }),
    )
  })

  it('never mixes the families', () => {
    expect(isInNetwork(parseIpAddress('::1')!, parseIpAddress('0.0.0.0')!, 0)).toBe(false)
  })
})
