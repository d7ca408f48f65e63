import { describe, expect, it } from 'vitest'
import { Cubic } from './cubic.ts'

const mss = 1_000

/** Round trips of 100 ms in which the whole window is used and acknowledged, a segment at a time. */
function roundTrips(cubic: Cubic, count: number, from = 0): number[] {
  const windows: number[] = []
  for (let trip = 0; trip < count; trip += 1) {
    const flightBytes = Math.floor(cubic.windowBytes / mss) * mss
    for (let acked = 0; acked < flightBytes; acked += mss) cubic.acked({ bytes: mss, flightBytes: cubic.windowBytes, now: from + trip * 100, roundTrip: 100 })
    windows.push(Math.round(cubic.windowBytes / mss))
  }
  return windows
}

describe('Cubic (RFC 9438)', () => {
  it('begins with ten segments (RFC 6928) and doubles in slow start', () => {
    const cubic = new Cubic(mss)
    expect(cubic.windowBytes).toBe(10 * mss)
    expect(roundTrips(cubic, 3)).toEqual([20, 40, 80])
  })

  it('goes down to seven tenths at a loss, and is back where it was after K seconds (4.2)', () => {
    const cubic = new Cubic(mss)
    roundTrips(cubic, 5)
    expect(cubic.windowBytes / mss).toBe(320)
    cubic.lossDetected(320 * mss)
    cubic.recovered()
    expect(cubic.windowBytes).toBe(224 * mss)
    const seconds = Math.cbrt((320 * 0.3) / 0.4)
    const windows = roundTrips(cubic, Math.round(seconds * 10), 1_000)
    expect(windows.at(-1)).toBeGreaterThan(310)
    expect(windows.at(-1)).toBeLessThanOrEqual(325)
    // Fast at first, slow near the plateau.
    expect(windows[10]! - windows[0]!).toBeGreaterThan(3 * (windows.at(-1)! - windows.at(-11)!))
  })

  it('grows no slower than Reno would (4.3)', () => {
    const cubic = new Cubic(mss)
    roundTrips(cubic, 1)
    cubic.lossDetected(20 * mss)
    cubic.recovered()
    expect(roundTrips(cubic, 20, 1_000).at(-1)).toBeGreaterThanOrEqual(14 + 20 * 0.5)
  })

  it('makes room for others when it shrinks twice in a row (4.7)', () => {
    const once = new Cubic(mss)
    roundTrips(once, 4)
    once.lossDetected(160 * mss)
    once.recovered()
    once.lossDetected(112 * mss)
    once.recovered()
    // The second plateau is 112 less fifteen percent.
    expect(roundTrips(once, 12, 1_000).at(-1)).toBeLessThan(112)
  })

  it('does not grow where the window is not used', () => {
    const cubic = new Cubic(mss)
    for (let index = 0; index < 1_000; index += 1) cubic.acked({ bytes: 100, flightBytes: 100, now: index * 100, roundTrip: 100 })
    expect(cubic.windowBytes).toBe(10 * mss)
  })

  it('takes a reduction back that was a mistake', () => {
    const cubic = new Cubic(mss)
    roundTrips(cubic, 3)
    cubic.timedOut(80 * mss)
    expect(cubic.windowBytes).toBe(mss)
    cubic.undo()
    expect(cubic.windowBytes).toBe(80 * mss)
    cubic.undo()
    expect(cubic.windowBytes).toBe(80 * mss)
  })
})
