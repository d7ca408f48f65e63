import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSplice } from './whole-file.ts'

describe('a write in place that was cut off', () => {
  it('is known wherever it was cut', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), (over, under, at) => {
        const cut = at % (over.length + 1)
        const bytes = over.slice(0, cut) + under.slice(cut)
        expect(isSplice(Buffer.from(bytes, 'latin1'), Buffer.from(over, 'latin1'), Buffer.from(under, 'latin1'))).toBe(true)
      }),
    )
  })

  it.each([
    ['', 'new', 'old'],
    ['nameserver 1.1.1.1\n', 'nameserver 127.0.0.1\n', 'nameserver 10.0.0.1\n'],
    ['new and more', 'new', 'old'],
  ])('%j is none of %j over %j', (bytes, over, under) => {
    expect(isSplice(Buffer.from(bytes), Buffer.from(over), Buffer.from(under))).toBe(false)
  })
})
