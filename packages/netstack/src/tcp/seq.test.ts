import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seqAdd, seqDiff, seqLess, seqLessOrEqual, seqMax, toSeq } from './seq.ts'

describe('sequence numbers', () => {
  it('go on at zero after 2^32 - 1 (RFC 9293 3.4)', () => {
    const last = toSeq(0xffffffff)
    expect(seqAdd(last, 1)).toBe(toSeq(0))
    expect(seqDiff(seqAdd(last, 10), last)).toBe(10)
    expect(seqLess(last, toSeq(0))).toBe(true)
    expect(seqMax(last, toSeq(5))).toBe(toSeq(5))
  })

  it('order any two points that are less than half the circle apart', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 0x7fffffff }), (start, distance) => {
        const early = toSeq(start)
        const late = seqAdd(early, distance)
        expect(seqDiff(late, early)).toBe(distance)
        expect([seqLess(early, late), seqLess(late, early)]).toEqual([true, false])
        expect([seqLessOrEqual(early, early), seqLess(early, early)]).toEqual([true, false])
      }),
    )
  })
})
