import { describe, expect, it } from 'vitest'
import { address, buildPacket } from '../testing/build-packet.ts'
import { writeU16 } from './big-endian.ts'
import { finishChecksum, sumBytes } from './checksum.ts'
import { DropCounts } from './drop-counts.ts'
import { IpPacket } from './ip-packet.ts'
import { parseIpv4 } from './ipv4.ts'

const ends = { from: '192.0.2.1', to: '198.51.100.2' }

function parse(bytes: Uint8Array, verified = false): { packet: IpPacket; reasons: string[]; taken: boolean } {
  const packet = new IpPacket()
  const drops = new DropCounts()
  const taken = parseIpv4(bytes, packet, drops, verified) !== undefined
  return { packet, reasons: Object.keys(drops.toJSON()), taken }
}

/** With `options` behind the fixed header, padded by zeros to a word. */
function withOptions(options: number[]): Uint8Array {
  const padded = Math.ceil(options.length / 4) * 4
  const plain = buildPacket(ends, new Uint8Array(8))
  const bytes = new Uint8Array(plain.length + padded)
  bytes.set(plain.subarray(0, 20))
  bytes.set(options, 20)
  bytes[0] = 0x40 | (5 + padded / 4)
  writeU16(bytes, 2, bytes.length)
  writeU16(bytes, 10, 0)
  writeU16(bytes, 10, finishChecksum(sumBytes(bytes, 0, 20 + padded)))
  return bytes
}

describe('parseIpv4', () => {
  it('reads what encodeIpv4Header writes', () => {
    const fields = { protocol: 17, hopLimit: 3, trafficClass: 0xb9, identification: 0xbeef, dontFragment: true, moreFragments: true, fragmentOffset: 65_528 }
    const { packet, taken } = parse(buildPacket({ ...ends, ...fields }, Uint8Array.of(1, 2, 3)))
    expect(taken).toBe(true)
    expect(packet).toMatchObject(fields)
    expect([packet.source.equals(address(ends.from)), packet.destination.equals(address(ends.to))]).toEqual([true, true])
    expect([...packet.payload]).toEqual([1, 2, 3])
  })

  it('ignores what lies behind the packet', () => {
    const padded = new Uint8Array(46)
    padded.set(buildPacket(ends, Uint8Array.of(9)))
    expect([...parse(padded).packet.payload]).toEqual([9])
  })

  it('refuses every part of a packet, and headers that lie about lengths', () => {
    const good = buildPacket(ends, new Uint8Array(4))
    for (let length = 0; length < good.length; length += 1) expect(parse(good.subarray(0, length)).taken).toBe(false)
    const change = (at: number, value: number): string[] => {
      const bytes = good.slice()
      bytes[at] = value
      return parse(bytes, true).reasons
    }
    expect([change(0, 0x44), change(0, 0x4f), change(3, 19), change(3, 25)]).toEqual([
      ['ipv4.header-length'], ['ipv4.header-length'], ['ipv4.total-length'], ['ipv4.total-length'],
    ])
  })

  it('refuses a wrong sum, unless the device vouches for it', () => {
    const bytes = buildPacket(ends, new Uint8Array(4))
    bytes[8] = 1
    expect(parse(bytes).reasons).toEqual(['ipv4.checksum'])
    expect(parse(bytes, true).taken).toBe(true)
  })

  it('passes over options that it does not know (RFC 1122 3.2.1.8)', () => {
    const { packet, taken } = parse(withOptions([1, 148, 4, 0, 0, 7, 3, 4]))
    expect([taken, packet.payloadOffset, packet.payloadLength]).toEqual([true, 28, 8])
    expect(parse(withOptions([0, 99, 0, 0])).taken).toBe(true)
  })

  it('refuses source routes (RFC 7126 4.3)', () => {
    expect(parse(withOptions([131, 7, 4, 10, 0, 0, 1])).reasons).toEqual(['ipv4.source-route'])
    expect(parse(withOptions([1, 137, 3, 4])).reasons).toEqual(['ipv4.source-route'])
  })

  it.each([[[1, 148, 0, 0], 21], [[148, 1, 0, 0], 20], [[148, 9, 0, 0], 20], [[1, 1, 1, 148], 23]])('says where an option is broken: %j', (options, pointer) => {
    const { packet, reasons } = parse(withOptions(options))
    expect([reasons, packet.problemCode, packet.problemPointer]).toEqual([['ipv4.option'], 0, pointer])
  })
})
