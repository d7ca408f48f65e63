import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { address } from '../testing/build-packet.ts'
import { finishChecksum, foldSum, pseudoHeaderSum, sumBytes, sumParts, updateChecksum } from './checksum.ts'

/** RFC 1071 4.1, as it stands there. */
function plainChecksum(bytes: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at]! << 8) + (bytes[at + 1] ?? 0)
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  return ~sum & 0xffff
}

const bytesOf = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength, size: 'max' })

describe('checksum', () => {
  it('is that of RFC 1071 3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)
    expect(foldSum(sumBytes(bytes, 0, bytes.length))).toBe(0xddf2)
  })

  it('is the plain one for all lengths, at all places of a word', () => {
    fc.assert(
      fc.property(bytesOf(400), fc.nat(7), (bytes, shift) => {
        const shifted = new Uint8Array(bytes.length + shift + 3)
        shifted.set(bytes, shift)
        expect(finishChecksum(sumBytes(shifted, shift, shift + bytes.length))).toBe(plainChecksum(bytes))
        // A view's own place in its memory counts as well.
        expect(finishChecksum(sumBytes(shifted.subarray(shift), 0, bytes.length))).toBe(plainChecksum(bytes))
      }),
      { numRuns: 300 },
    )
  })

  it('does not overflow: the longest packets, of the largest words', () => {
    for (const length of [65_535, 65_536, 200_001]) {
      const bytes = new Uint8Array(length + 1).fill(0xff)
      expect(finishChecksum(sumBytes(bytes, 0, length))).toBe(plainChecksum(bytes.subarray(0, length)))
      expect(finishChecksum(sumBytes(bytes, 1, length + 1))).toBe(plainChecksum(bytes.subarray(1)))
    }
  })

  it('is the same for parts as for the whole, odd lengths among them', () => {
    fc.assert(
      fc.property(fc.array(bytesOf(90), { maxLength: 6 }), (parts) => {
        const whole = Uint8Array.from(parts.flatMap((part) => [...part]))
        expect(finishChecksum(sumParts(parts))).toBe(plainChecksum(whole))
      }),
    )
  })

  it('can be brought up to date without the packet (RFC 1624)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat(9), fc.nat(0xffff), (bytes, word, to) => {
        const before = plainChecksum(bytes)
        const from = (bytes[word * 2]! << 8) | bytes[word * 2 + 1]!
        bytes[word * 2] = to >> 8
        bytes[word * 2 + 1] = to
        // 0 and 0xffff are both zero in this arithmetic.
        expect(updateChecksum(before, from, to) % 0xffff).toBe(plainChecksum(bytes) % 0xffff)
      }),
    )
    // The example of RFC 1624 4.
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0)
  })

  it('has addresses, protocol and length in the pseudo header', () => {
    const v4 = Uint8Array.of(192, 0, 2, 1, 198, 51, 100, 7, 0, 17, 0, 12)
    expect(finishChecksum(pseudoHeaderSum(address('192.0.2.1'), address('198.51.100.7'), 17, 12))).toBe(plainChecksum(v4))
    const v6 = new Uint8Array(40)
    v6.set([0x20, 0x01, 0x0d, 0xb8], 0)
    v6[15] = 1
    v6.set([0xfe, 0x80], 16)
    v6.set([0xab, 0xcd], 30)
    v6.set([0, 1, 0, 2, 0, 0, 0, 58], 32)
    expect(finishChecksum(pseudoHeaderSum(address('2001:db8::1'), address('fe80::abcd'), 58, 0x1_0002))).toBe(plainChecksum(v6))
  })
})
