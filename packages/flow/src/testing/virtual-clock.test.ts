import { describe, expect, it } from 'vitest'
import { createVirtualClock } from './virtual-clock.ts'

describe('createVirtualClock', () => {
  it('makes due calls in order of time, then of scheduling', () => {
    const clock = createVirtualClock()
    const calls: string[] = []
    clock.after(20, () => calls.push(`b at ${clock.now()}`))
    clock.after(10, () => calls.push(`a at ${clock.now()}`))
    clock.after(20, () => calls.push(`c at ${clock.now()}`))
    clock.after(31, () => calls.push('never'))
    clock.advance(30)
    expect(calls).toEqual(['a at 10', 'b at 20', 'c at 20'])
    expect(clock.now()).toBe(30)
    expect(clock.pending).toBe(1)
  })

  it('makes calls that are scheduled meanwhile, when they fall due', () => {
    const clock = createVirtualClock()
    const times: number[] = []
    const tick = (): void => {
      times.push(clock.now())
      clock.after(10, tick)
    }
    clock.after(10, tick)
    clock.advance(35)
    expect(times).toEqual([10, 20, 30])
  })

  it('does not make cancelled calls', () => {
    const clock = createVirtualClock()
    let called = false
    const cancel = clock.after(10, () => (called = true))
    clock.after(5, cancel)
    clock.advance(100)
    expect(called).toBe(false)
  })
})
