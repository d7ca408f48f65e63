import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAcknowledgement } from './acknowledgement.ts'
import { attributeMaxBytes, cString, encodeAttributes, parseAttributeList, parseAttributes, readCString, readU32, u32, type Attribute } from './attribute.ts'
import { parseLink, parseLinkAddress } from './link.ts'
import { concatBytes, encodeMessage, parseMessages } from './message.ts'
import { parseRoute } from './route.ts'
import { parseRule } from './rule.ts'

const devices = { indexOf: () => 1, nameOf: () => 'lo' }
const flat = fc.array(fc.tuple(fc.integer({ min: 0, max: 0x3fff }), fc.uint8Array({ maxLength: 40 })), { maxLength: 12 })

describe('attributes', () => {
  it('come back as they went out, whatever their padding', () => {
    fc.assert(
      fc.property(flat, (list) => {
        expect(parseAttributeList(encodeAttributes(list))).toEqual(list)
      }),
    )
  })

  it('nest', () => {
    fc.assert(
      fc.property(flat, flat, (inner, others) => {
        const outer: Attribute[] = [...others, [7, inner]]
        const value = parseAttributes(encodeAttributes(outer))?.get(7)
        expect(value && parseAttributeList(value)).toEqual(inner)
      }),
    )
  })

  it('of the kernel: four bytes of header, then the value, then zeros to the next four', () => {
    expect([...encodeAttributes([[1, Uint8Array.of(10, 0, 0)], [2, [[3, cString('lo')]]]])]).toEqual([
      ...[7, 0, 1, 0, 10, 0, 0, 0],
      ...[12, 0, 2, 0x80, 7, 0, 3, 0, 108, 111, 0, 0],
    ])
  })

  it('have values that fit 16 bits of length', () => {
    expect(parseAttributes(encodeAttributes([[1, new Uint8Array(attributeMaxBytes)]]))?.get(1)).toHaveLength(attributeMaxBytes)
    expect(() => encodeAttributes([[1, new Uint8Array(attributeMaxBytes + 1)]])).toThrow(RangeError)
  })

  it('with lengths that lie are refused as a whole', () => {
    expect(parseAttributes(Uint8Array.of(3, 0, 1, 0))).toBeUndefined()
    expect(parseAttributes(Uint8Array.of(9, 0, 1, 0, 1, 2, 3, 4))).toBeUndefined()
    expect(parseAttributes(Uint8Array.of(8, 0, 1, 0, 1, 2, 3, 4, 9, 9, 9))?.get(1)).toEqual(Uint8Array.of(1, 2, 3, 4))
  })

  it('read as numbers and texts only when they are', () => {
    expect([readU32(u32(0xfffffffe)), readU32(Uint8Array.of(1, 2)), readU32(undefined)]).toEqual([0xfffffffe, undefined, undefined])
    expect([readCString(cString('eth0')), readCString(Uint8Array.of(65, 66)), readCString(undefined)]).toEqual(['eth0', 'AB', undefined])
  })
})

describe('messages', () => {
  it('come back as they went out', () => {
    const message = fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff }), fc.uint8Array({ maxLength: 50 }))
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (list) => {
        const bytes = concatBytes(list.map(([type, flags, payload]) => encodeMessage(type, flags, payload)))
        expect(parseMessages(bytes)?.map(({ type, flags, payload }) => [type, flags, payload])).toEqual(list)
      }),
    )
  })

  it('with lengths that lie are refused', () => {
    const bytes = encodeMessage(16, 0, new Uint8Array(4))
    bytes[0] = 15
    expect(parseMessages(bytes)).toBeUndefined()
    bytes[0] = 21
    expect(parseMessages(bytes)).toBeUndefined()
    bytes.fill(0xff, 0, 4)
    expect(parseMessages(bytes)).toBeUndefined()
  })
})

describe('hostile bytes', () => {
  // Any bytes, and bytes whose first length is likely to be in range.
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.nat(64), fc.uint8Array({ maxLength: 300 })).map(([length, rest]) => Uint8Array.of(length, 0, ...rest)),
  )

  it('never throw and never hang, in any parser', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 0xffff }), (payload, flags) => {
        parseAttributes(payload)
        parseMessages(payload)
        parseAcknowledgement({ type: 2, flags, sequence: 0, port: 0, payload })
        parseRoute(payload, devices)
        parseRule(payload)
        parseLink(payload)
        parseLinkAddress(payload, devices.nameOf)
      }),
      { numRuns: 3000 },
    )
  })

  it('of a route, with attributes of any length', () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 10), fc.nat(255), flat, (family, length, attributes) => {
        const header = Uint8Array.of(family, length, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0)
        const route = parseRoute(concatBytes([header, encodeAttributes(attributes)]), devices)
        expect(route?.family).toBe(family === 2 ? 4 : 6)
      }),
    )
  })
})
