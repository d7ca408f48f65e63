import { encode, type Packet } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { parseMessage } from './message.ts'
import { parseOutline } from './outline.ts'

const response = encode({
  id: 9,
  type: 'response',
  flags: 0x0580,
  questions: [{ name: 'www.example.com', type: 'A', class: 'IN' }],
  answers: [
    { name: 'www.example.com', type: 'CNAME', class: 'IN', ttl: 300, data: 'web.example.com' },
    { name: 'web.example.com', type: 'A', class: 'IN', ttl: 60, data: '192.0.2.1' },
  ],
  authorities: [{ name: 'example.com', type: 'NS', class: 'IN', ttl: 86_400, data: 'ns1.example.com' }],
  additionals: [
    { name: 'ns1.example.com', type: 'AAAA', class: 'IN', ttl: 5, data: '2001:db8::1' },
    { name: '.', type: 'OPT', udpPayloadSize: 1232, extendedRcode: 1, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
  ],
} as Packet)

describe('parseMessage', () => {
  it('reads a response of another server', () => {
    expect(parseMessage(response)).toMatchObject({
      id: 9,
      isResponse: true,
      opcode: 0,
      authoritative: true,
      truncated: false,
      recursionDesired: true,
      recursionAvailable: true,
      rcode: 'BADVERS',
      question: { name: 'www.example.com', type: 'A' },
      answers: [
        { name: 'www.example.com', type: 'CNAME', ttl: 300, data: 'web.example.com' },
        { name: 'web.example.com', type: 'A', ttl: 60, data: '192.0.2.1' },
      ],
      authority: [{ name: 'example.com', type: 'NS', ttl: 86_400, data: 'ns1.example.com' }],
      additional: [{ name: 'ns1.example.com', type: 'AAAA', ttl: 5, data: '2001:db8::1' }],
    })
  })

  it('has the places of records, so that TTLs can be changed', () => {
    const outline = parseOutline(response)!
    expect(outline.records.map(({ section, type, ttl, ttlAt }) => [section, type, ttl, response.readUInt32BE(ttlAt)])).toEqual([
      ['answer', 5, 300, 300],
      ['answer', 1, 60, 60],
      ['authority', 2, 86_400, 86_400],
      ['additional', 28, 5, 5],
      ['additional', 41, 0x0100_0000, 0x0100_0000],
    ])
    expect(outline.records.at(-1)).toBe(outline.opt)
  })

  it('refuses any part of a message, and anything behind it', () => {
    for (let length = 0; length < response.length; length += 1) expect(parseMessage(response.subarray(0, length))).toBeUndefined()
    expect(parseMessage(Buffer.concat([response, Buffer.alloc(1)]))).toBeUndefined()
  })

  it('takes a TTL with its highest bit for 0 (RFC 2181 8)', () => {
    const bytes = Buffer.from(response)
    bytes[parseOutline(response)!.records[0]!.ttlAt] = 0x80
    expect(parseOutline(bytes)?.records[0]?.ttl).toBe(0)
  })

  it('refuses data that is longer or shorter than its type says', () => {
    const place = parseOutline(response)!.records[1]!
    const shorter = Buffer.concat([response.subarray(0, place.end - 1), response.subarray(place.end)])
    shorter.writeUInt16BE(3, place.dataAt - 2)
    expect(parseOutline(shorter)).toBeDefined()
    expect(parseMessage(shorter)).toBeUndefined()
  })

  it('refuses two OPT records (RFC 6891 6.1.1)', () => {
    const twice = Buffer.concat([response, response.subarray(-11)])
    twice.writeUInt16BE(3, 10)
    expect(parseMessage(twice)).toBeUndefined()
  })

  it('does not follow names without end: 64 KB of pointers cost few steps a byte', () => {
    // Owners that all lead through the same long chain of pointers.
    const bytes = Buffer.alloc(65_535)
    bytes.writeUInt16BE(0x8000, 2)
    bytes.writeUInt16BE(5000, 6)
    for (let at = 12; at + 12 < bytes.length; at += 12) {
      bytes.writeUInt16BE(0xc000 | Math.min(Math.max(at - 12, 0), 0x3fff), at)
      bytes.writeUInt16BE(10, at + 2)
      bytes.writeUInt16BE(1, at + 4)
    }
    const started = performance.now()
    expect(parseMessage(bytes)).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(500)
  })
})
