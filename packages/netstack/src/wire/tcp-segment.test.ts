import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toSeq } from '../tcp/seq.ts'
import { DropCounts } from './drop-counts.ts'
import { encodeTcpOptions, noTcpOptions, parseTcpOptions, tcpOptionsBytes, type TcpOptions } from './tcp-options.ts'
import { encodeSegmentHeader, parseSegment, segmentHeaderBytes, tcpFlag } from './tcp-segment.ts'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const options: fc.Arbitrary<TcpOptions> = fc.record({
  mss: fc.option(fc.nat(0xffff), { nil: undefined }),
  windowScale: fc.option(fc.nat(14), { nil: undefined }),
  sackPermitted: fc.boolean(),
  sack: fc.array(fc.record({ start: word.map(toSeq), end: word.map(toSeq) }), { maxLength: 6 }),
  timestamp: fc.option(fc.record({ value: word, echo: word }), { nil: undefined }),
})
const parseBytes = (bytes: number[]): TcpOptions => parseTcpOptions(Uint8Array.from(bytes), 0, bytes.length)

describe('TCP options', () => {
  it('are read as they were written, but for the SACK blocks that find no room', () => {
    fc.assert(
      fc.property(options, (written) => {
        const bytes = new Uint8Array(60)
        const end = encodeTcpOptions(written, bytes, 7)
        expect(end - 7).toBe(tcpOptionsBytes(written))
        expect(end - 7).toBeLessThanOrEqual(40)
        expect((end - 7) % 4).toBe(0)
        const read = parseTcpOptions(bytes, 7, end)
        expect(read).toEqual({ ...written, sack: written.sack.slice(0, read.sack.length) })
        const room = written.timestamp ? 3 : 4
        if (written.mss === undefined && written.windowScale === undefined && !written.sackPermitted) expect(read.sack.length).toBe(Math.min(written.sack.length, room))
      }),
    )
  })

  it('are those of a Linux SYN', () => {
    const read = parseBytes([2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 2, 1, 3, 3, 7])
    expect(read).toEqual({ mss: 1460, sackPermitted: true, timestamp: { value: 256, echo: 2 }, windowScale: 7, sack: [] })
  })

  it('pass over unknown kinds and wrong lengths of known ones (RFC 9293 MUST-6)', () => {
    expect(parseBytes([254, 4, 1, 2, 2, 3, 1, 5, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 2])).toEqual({ ...noTcpOptions, windowScale: 2 })
  })

  it('end at an impossible length; what stood before it counts (MUST-7)', () => {
    for (const broken of [[8, 0], [8, 1], [8, 10, 0], [8]]) expect(parseBytes([3, 3, 2, ...broken])).toEqual({ ...noTcpOptions, windowScale: 2 })
    expect(parseBytes([0, 3, 3, 2])).toEqual(noTcpOptions)
  })

  it('read a scale above 14 as 14 (RFC 7323 2.3)', () => {
    expect(parseBytes([3, 3, 15]).windowScale).toBe(14)
    expect(parseBytes([3, 3, 255]).windowScale).toBe(14)
  })
})

describe('parseSegment', () => {
  const header = { sourcePort: 80, destinationPort: 50_000, seq: toSeq(0xffff_fff0), ack: toSeq(7), flags: tcpFlag.ack | tcpFlag.psh, window: 65_535 }

  it('reads what encodeSegmentHeader writes', () => {
    fc.assert(
      fc.property(options, fc.uint8Array({ maxLength: 20 }), (chosen, payload) => {
        const bytes = new Uint8Array(100)
        const written = encodeSegmentHeader({ ...header, options: chosen }, bytes, 5)
        expect(written).toBe(segmentHeaderBytes({ ...header, options: chosen }))
        bytes.set(payload, 5 + written)
        const read = parseSegment(bytes, 5, written + payload.length)!
        expect(read).toMatchObject(header)
        expect([...read.payload]).toEqual([...payload])
        // What was read is written in the same way: stable from the first reading on.
        const again = new Uint8Array(100)
        encodeSegmentHeader(read, again, 5)
        expect(again.subarray(0, 5 + written)).toEqual(Uint8Array.from(bytes.subarray(0, 5 + written)))
      }),
    )
  })

  it('refuses what is shorter than its header', () => {
    const drops = new DropCounts()
    const bytes = new Uint8Array(24)
    encodeSegmentHeader({ ...header, options: { ...noTcpOptions, mss: 1460 } }, bytes)
    for (let length = 0; length < 24; length += 1) expect(parseSegment(bytes, 0, length, drops)).toBeUndefined()
    bytes[12] = 0x40
    expect(parseSegment(bytes, 0, 24, drops)).toBeUndefined()
    expect(parseSegment(bytes, 5, 24, drops)).toBeUndefined()
    expect(drops.toJSON()).toEqual({ 'tcp.short': 21, 'tcp.header-length': 5 })
  })
})
