import { BlockList } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseMessages } from '../../netlink/message.ts'
import { formatAddress } from '../../netlink/ip-address.ts'
import { addElements, addSet } from './change.ts'
import { match } from './expressions/match.ts'
import { inSet } from './expressions/in-set.ts'
import { encodeOperand } from './field.ts'
import { encodeElement, nftSet, type SetElement } from './set.ts'
import { TransactionWriter } from './transaction-writer.ts'
import { writeChange } from './write-change.ts'

const services = nftSet('services', ['ipv4_addr', 'inet_proto', 'inet_service'], { interval: true })

function encode(element: SetElement<typeof services.fields>) {
  const key = { from: new Uint8Array(12), to: new Uint8Array(12) }
  encodeElement(services, element, key)
  return [Buffer.from(key.from).toString('hex'), Buffer.from(key.to).toString('hex')]
}

describe('an element of several fields', () => {
  it('has each field in words of its own, in network order', () => {
    expect(encode(['10.0.0.0/8', 'tcp', { from: 1, to: 256 }])).toEqual(['0a0000000600000000010000', '0affffff0600000001000000'])
    expect(encode([{ from: '1.2.3.4', to: '1.2.3.9' }, 17, 53])).toEqual(['010203041100000000350000', '010203091100000000350000'])
  })

  it('is refused when it does not fit its set', () => {
    expect(() => encode(['::1', 'tcp', 1])).toThrow('"::1" is no value or range of ipv4_addr')
    expect(() => encode(['::/0', 'tcp', 1])).toThrow('"::/0" is no value or range of ipv4_addr')
    expect(() => encode(['10.0.0.0/33', 'tcp', 1])).toThrow('"10.0.0.0/33" is no value or range of ipv4_addr')
    expect(() => encode(['10.0.0.0', 'tcp', 65536])).toThrow('65536 is no value or range of inet_service')
    expect(() => encode(['10.0.0.0', 'tcp', { from: 2, to: 1 }])).toThrow('"2-1" is no value or range of inet_service')
    const plain = nftSet('plain', ['inet_service'])
    const key = { from: new Uint8Array(2), to: new Uint8Array(2) }
    expect(() => encodeElement(plain, [{ from: 1, to: 2 }], key)).toThrow('1-2: the set plain was made without interval')
    expect(() => encodeElement(services, ['10.0.0.0'] as unknown as SetElement, key)).toThrow('the set services takes 3 values each')
  })
})

describe('a prefix', () => {
  it('has the bounds that node finds', () => {
    const prefix = fc.oneof(fc.tuple(fc.ipV4(), fc.nat(32)), fc.tuple(fc.ipV6(), fc.nat(128)))
    fc.assert(
      fc.property(prefix, ([address, length]) => {
        const family = address.includes(':') ? 'ipv6' : 'ipv4'
        const list = new BlockList()
        list.addSubnet(address, length, family)
        const { from, to } = encodeOperand(family === 'ipv6' ? 'ipv6_addr' : 'ipv4_addr', `${address}/${length}`)
        expect([from, to].every((end) => list.check(formatAddress(end), family))).toBe(true)
        const hostBits = from.length * 8 - length
        expect(asNumber(to) - asNumber(from)).toBe((1n << BigInt(hostBits)) - 1n)
      }),
    )
  })

  const asNumber = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
})

describe('a set of ten thousand', () => {
  it('goes out in messages whose attributes keep below 64 KiB', () => {
    const elements = Array.from({ length: 10_000 }, (_, index): SetElement<typeof services.fields> => [`10.0.${index >> 8}.${index & 255}`, 'tcp', 443])
    const out = new TransactionWriter('ours')
    writeChange(out, addSet(services))
    writeChange(out, addElements(services, elements))
    const sizes = (parseMessages(out.finish().messages) ?? []).map(({ payload }) => payload.length)
    expect(Math.max(...sizes)).toBeLessThan(65_536)
    expect(sizes.length).toBeGreaterThan(8)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(600_000)
  })
})

describe('expressions', () => {
  it('are checked against the set that they ask', () => {
    expect(() => inSet(services, ['ip daddr', 'th dport'])).toThrow(
      'ip daddr . th dport cannot be looked up in the set services of ipv4_addr . inet_proto . inet_service',
    )
  })

  it('hold values of the type that they look at', () => {
    // @ts-expect-error an address is no port
    expect(match('th dport', '10.0.0.1').kind).toBe('match')
    // @ts-expect-error only marks have masks
    expect(match('th dport', { value: 1, mask: 1 }).kind).toBe('match')
    expect(() => encodeOperand('mark', { from: 1, to: 2 })).toThrow('is no value or range of mark')
    expect(() => encodeOperand('ifname', 'a"b')).toThrow('is no value or range of ifname')
    expect(() => encodeOperand('inet_proto', 'constructor')).toThrow('is no value or range of inet_proto')
  })
})
