import { describe, expect, it } from 'vitest'
import { hashKeyOf, keyedHash } from './keyed-hash.ts'

// The key 00 01 ... 0f and the inputs 00 01 ... of the authors' reference implementation (vectors.h).
const key = { k0: 0x0706050403020100n, k1: 0x0f0e0d0c0b0a0908n }
const input = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index)

describe('keyedHash', () => {
  it.each([
    [0, 0x726fdb47dd0e0e31n],
    [1, 0x74f839c593dc67fdn],
    [7, 0xab0200f58b01d137n],
    [8, 0x93f5f5799a932462n],
    [15, 0xa129ca6149be45e5n],
  ])('is SipHash-2-4: %i bytes', (length, expected) => {
    expect(keyedHash(key, input(length))).toBe(expected)
  })

  it('hashes a text as UTF-8, and differs by key', () => {
    expect(keyedHash(key, 'db.ziti')).toBe(keyedHash(key, new TextEncoder().encode('db.ziti')))
    expect(keyedHash(hashKeyOf('home'), 'db.ziti')).not.toBe(keyedHash(hashKeyOf('work'), 'db.ziti'))
  })
})
