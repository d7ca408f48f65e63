import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, readVectors, toHex } from '../testing/vectors.ts'
import {
  boolHeader, byteHeader, encodeBool, encodeByte, encodeInt32, encodeString, encodeStringList, encodeUint16, encodeUint32, encodeUint64,
  int32Header, stringHeader, stringListHeader, uint16Header, uint32Header, uint64Header,
} from './headers.ts'

const one = (value: Uint8Array) => new Map([[5, value]])

describe('header values', () => {
  it('round-trip', () => {
    expect(boolHeader(one(encodeBool(true)), 5)).toBe(true)
    expect(boolHeader(one(encodeBool(false)), 5)).toBe(false)
    expect(byteHeader(one(encodeByte(200)), 5)).toBe(200)
    expect(uint16Header(one(encodeUint16(65_535)), 5)).toBe(65_535)
    expect(uint32Header(one(encodeUint32(0xff_ff_ff_fe)), 5)).toBe(0xff_ff_ff_fe)
    expect(int32Header(one(encodeInt32(-1)), 5)).toBe(-1)
    expect(uint64Header(one(encodeUint64(2n ** 63n)), 5)).toBe(2n ** 63n)
    expect(stringHeader(one(encodeString('Zürich')), 5)).toBe('Zürich')
  })

  it('of the wrong length count as absent (3.2)', () => {
    for (const value of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(9)]) {
      const headers = one(value)
      const read = [boolHeader, byteHeader, uint16Header, uint32Header, int32Header, uint64Header].map((header) => header(headers, 5))
      expect(read).toEqual(Array.from({ length: 6 }))
    }
    expect(stringHeader(new Map(), 5)).toBeUndefined()
  })
})

describe('string lists', () => {
  it('are encoded as the reference does', () => {
    const { stringSlice } = readVectors<{ stringSlice: { hex: string; value: string[] } }>('channel-frames')
    expect(toHex(encodeStringList(stringSlice.value))).toBe(stringSlice.hex)
    expect(stringListHeader(one(fromHex(stringSlice.hex)), 5)).toEqual(stringSlice.value)
    expect(stringListHeader(one(encodeStringList([])), 5)).toEqual([])
  })

  it('that are cut, padded or too long are refused', () => {
    const bytes = encodeStringList(['circuits', 'x'])
    expect(stringListHeader(one(bytes.subarray(0, -1)), 5)).toBeUndefined()
    expect(stringListHeader(one(Buffer.concat([bytes, Buffer.alloc(1)])), 5)).toBeUndefined()
    expect(stringListHeader(one(encodeUint32(0xff_ff_ff_ff)), 5)).toBeUndefined()
    expect(stringListHeader(one(encodeStringList(Array.from({ length: 129 }, () => ''))), 5)).toBeUndefined()
  })

  it('never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const list = stringListHeader(one(bytes), 5)
      expect(list === undefined || list.length <= 128).toBe(true)
    }))
  })
})
