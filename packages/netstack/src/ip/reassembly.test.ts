import { beforeEach, describe, expect, it } from 'vitest'
import { address, buildPacket, type PacketFields } from '../testing/build-packet.ts'
import { DropCounts } from '../wire/drop-counts.ts'
import { parseIp } from '../wire/ip.ts'
import { IpPacket, ipProtocol, type IpHeader } from '../wire/ip-packet.ts'
import { transmitFragments } from './fragmentation.ts'
import { Reassembly } from './reassembly.ts'

const v4 = { from: '192.0.2.1', to: '198.51.100.2' }
const v6 = { from: '2001:db8::1', to: '2001:db8::2' }
/** Bytes that differ from their neighbours, so that a wrong place shows. */
const text = (length: number, start = 0): Uint8Array => Uint8Array.from({ length }, (_, index) => Math.imul(start + index, 0x9e37_79b1) >>> 24)

let drops: DropCounts
let reassembly: Reassembly

beforeEach(() => {
  drops = new DropCounts()
  reassembly = new Reassembly(drops, 1)
})

function add(bytes: Uint8Array, now = 0): Uint8Array | undefined {
  const packet = parseIp(bytes, new IpPacket(), drops)
  expect(packet?.isFragment).toBe(true)
  return reassembly.add(packet!, now)
}

/** One fragment with the bytes of `text` that belong there. */
function fragment(start: number, end: number, more: boolean, fields: Partial<PacketFields> = {}): Uint8Array {
  const ends = fields.from ? { from: fields.from, to: fields.to! } : v4
  return buildPacket({ protocol: 200, ...ends, ...fields, fragmentOffset: start, moreFragments: more }, text(end - start, start))
}

/** All fragments of one payload, as `transmitFragments` makes them. */
function split(ends: { from: string; to: string }, payload: readonly Uint8Array[], mtu: number): Uint8Array[] {
  const payloadLength = payload.reduce((sum, part) => sum + part.length, 0)
  const header: IpHeader = {
    source: address(ends.from), destination: address(ends.to), protocol: ipProtocol.udp, hopLimit: 64, trafficClass: 0,
    payloadLength, identification: 99, dontFragment: false, moreFragments: false, fragmentOffset: 0,
  }
  const sent: Uint8Array[] = []
  transmitFragments(header, payload, mtu, (parts) => sent.push(Uint8Array.from(parts.flatMap((part) => [...part]))) > 0)
  return sent
}

describe.each([['IPv4', v4, 20], ['IPv6', v6, 40]])('%s', (_, ends, headerBytes) => {
  it('makes a packet whole whatever the order and the MTU, copies included', () => {
    const payload = text(9000)
    for (const mtu of [576, 1280, 1500, 4000]) {
      const fragments = split(ends, [payload.subarray(0, 8), payload.subarray(8, 5001), payload.subarray(5001)], mtu)
      expect(Math.max(...fragments.map(({ length }) => length))).toBeLessThanOrEqual(mtu)
      for (const order of [fragments, fragments.toReversed(), [...fragments.slice(1), fragments[0]!], [fragments[0]!, ...fragments]]) {
        const wholes = order.map((bytes) => add(bytes)).filter((whole) => whole !== undefined)
        expect(wholes.length).toBe(1)
        const packet = parseIp(wholes[0]!, new IpPacket(), drops)!
        expect([packet.isFragment, packet.protocol, packet.payloadOffset]).toEqual([false, 17, headerBytes])
        expect(packet.payload).toEqual(payload)
        expect([reassembly.heldBytes, reassembly.waiting]).toEqual([0, 0])
      }
    }
    expect(drops.total).toBe(0)
  })

  it('is marked if one of its fragments was (RFC 3168 5.3)', () => {
    add(fragment(0, 80, true, ends))
    add(fragment(80, 160, true, { ...ends, trafficClass: 3 }))
    const whole = add(fragment(160, 200, false, ends))
    expect(parseIp(whole!, new IpPacket(), drops)?.trafficClass).toBe(3)
  })

  it('believes nothing of a packet with an overlap, also what comes later (RFC 5722 4)', () => {
    for (const overlap of [fragment(8, 24, true, ends), fragment(0, 8, true, ends), fragment(8, 16, true, ends), fragment(0, 24, true, ends)]) {
      drops = new DropCounts()
      reassembly = new Reassembly(drops, 1)
      expect([fragment(0, 16, true, ends), overlap, fragment(0, 16, true, ends), fragment(16, 24, false, ends)].map((bytes) => add(bytes))).toEqual([undefined, undefined, undefined, undefined])
      expect(drops.of('fragment.overlap')).toBe(3)
      expect(reassembly.heldBytes).toBeLessThan(1000)
    }
  })

  it('keeps copies: a device may give a `Buffer`, whose slices are views, and use it again', () => {
    const [first, last] = [fragment(0, 8, true, ends), fragment(8, 16, false, ends)].map((bytes) => Buffer.from(bytes))
    const before = Buffer.from(first!)
    add(first!)
    expect(first).toEqual(before)
    first!.fill(0xee)
    const whole = add(last!)!
    expect(parseIp(whole, new IpPacket(), drops)!.payload).toEqual(text(16))
  })

  it('refuses two ends, and bytes behind the end', () => {
    add(fragment(16, 24, false, ends))
    add(fragment(24, 32, true, ends))
    expect(drops.toJSON()).toEqual({ 'fragment.inconsistent-end': 1 })
    add(fragment(24, 32, true, { ...ends, identification: 8 }))
    add(fragment(16, 24, false, { ...ends, identification: 8 }))
    expect(drops.toJSON()).toEqual({ 'fragment.inconsistent-end': 2 })
  })

  it('keeps packets apart by addresses and number', () => {
    const other = ends === v4 ? { ...v4, from: '192.0.2.9' } : { ...v6, from: '2001:db8::9' }
    add(fragment(0, 8, true, ends))
    expect([add(fragment(8, 16, false, other)), add(fragment(8, 16, false, { ...ends, identification: 8 }))]).toEqual([undefined, undefined])
    expect(add(fragment(8, 16, false, ends))).toBeDefined()
    expect(reassembly.waiting).toBe(2)
  })

  it('gives up after a minute and shows the first fragment, if it is here', () => {
    const told: Uint8Array[] = []
    add(fragment(0, 8, true, ends), 1000)
    add(fragment(8, 16, true, { ...ends, identification: 8 }), 2000)
    expect(reassembly.nextExpiry()).toBe(61_000)
    reassembly.expire(60_999, (first) => told.push(first))
    expect([told.length, reassembly.waiting]).toEqual([0, 2])
    reassembly.expire(62_000, (first) => told.push(first))
    expect([told.length, reassembly.waiting, reassembly.heldBytes, reassembly.nextExpiry()]).toEqual([1, 0, 0, undefined])
    const quoted = parseIp(told[0]!, new IpPacket(), drops)!
    expect([String(quoted.source), quoted.payload]).toEqual([ends.from, text(8)])
  })
})

describe('bounds', () => {
  it('hold for memory, for one source, for packets and for fragments of one', () => {
    const limits = { maxBytes: 100_000, maxSourceBytes: 30_000, maxPackets: 20, maxFragments: 16, timeout: 60_000 }
    reassembly = new Reassembly(drops, 1, limits)
    for (let identification = 0; identification < 5000; identification += 1) {
      add(fragment(0, 1000, true, { from: `10.0.${identification % 9}.1`, to: v4.to, identification }))
      expect(reassembly.heldBytes).toBeLessThanOrEqual(limits.maxBytes)
      expect(reassembly.waiting).toBeLessThanOrEqual(limits.maxPackets)
    }
    for (let identification = 0; identification < 500; identification += 1) add(fragment(0, 4000, true, { ...v4, identification }))
    expect(reassembly.heldBytes).toBeLessThanOrEqual(limits.maxSourceBytes + 20 * 1500)
    for (let start = 0; start < 16 * 8; start += 8) add(fragment(start, start + 8, true, { ...v4, identification: 9999 }))
    expect(drops.of('fragment.too-many')).toBe(0)
    add(fragment(128, 136, false, { ...v4, identification: 9999 }))
    expect(drops.of('fragment.too-many')).toBe(1)
  })

  it('let a source that floods lose its own packets, not those of others', () => {
    reassembly = new Reassembly(drops, 1, { maxSourceBytes: 30_000 })
    add(fragment(0, 1000, true, { from: '10.9.9.9', to: v4.to, identification: 1 }))
    for (let identification = 0; identification < 500; identification += 1) add(fragment(0, 4000, true, { ...v4, identification }))
    expect(add(fragment(1000, 1008, false, { from: '10.9.9.9', to: v4.to, identification: 1 }))).toBeDefined()
  })

  it('refuse what would be longer than any packet, empty pieces and pieces off the grid', () => {
    add(fragment(65_528, 65_536, false))
    add(fragment(8, 8, true))
    add(fragment(0, 12, true))
    expect(drops.toJSON()).toEqual({ 'fragment.beyond-end': 1, 'fragment.length': 2 })
    // 65,535 bytes of payload leave no room for an IPv4 header.
    for (let start = 0; start < 65_520; start += 8190 - 6) add(fragment(start, Math.min(start + 8184, 65_528), start + 8184 < 65_528))
    expect(drops.of('fragment.beyond-end')).toBe(2)
    expect(reassembly.heldBytes).toBe(0)
  })
})

describe('transmitFragments', () => {
  it('stops at the first refusal of the device, and cannot do without eight bytes', () => {
    let calls = 0
    const header: IpHeader = { source: address(v4.from), destination: address(v4.to), protocol: 17, hopLimit: 1, trafficClass: 0, payloadLength: 100, identification: 1, dontFragment: false, moreFragments: false, fragmentOffset: 0 }
    expect(transmitFragments(header, [text(100)], 60, () => (calls += 1) < 2)).toBe(false)
    expect(calls).toBe(2)
    expect(transmitFragments(header, [text(100)], 27, () => true)).toBe(false)
  })
})
