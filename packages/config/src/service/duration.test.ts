import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDuration } from './duration.ts'

describe('parseDuration', () => {
  it.each([
    ['5s', 5_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1h', 3_600_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1_000],
    ['250us', 0.25],
    ['250µs', 0.25],
    ['1000000ns', 1],
    ['1h2m3s4ms', 3_723_004],
    ['0', 0],
    ['0s', 0],
  ])('reads %s', (text, milliseconds) => expect(parseDuration(text)).toBeCloseTo(milliseconds, 9))

  it.each(['', '5', 's', '5 s', ' 5s', '-5s', '+5s', '5d', '1e3s', '5S', '.s', '5s5', `${'1s'.repeat(100)}`])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('gives a number that is not negative for any text that it takes', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9.hmsuµn]{0,12}$/), (text) => {
        const value = parseDuration(text)
        expect(value === undefined || (Number.isFinite(value) && value >= 0)).toBe(true)
      }),
    )
  })
})
