import { createVirtualClock } from '@tunnel/flow/testing'
import { createSeededRandom } from '@tunnel/netstack'
import { describe, expect, it } from 'vitest'
import { OrderedClock } from './ordered-clock.ts'

describe('an ordered clock', () => {
  it('runs calls by their time, and those of one time as they came', () => {
    const base = createVirtualClock()
    const clock = new OrderedClock(10_000, base)
    const random = createSeededRandom(3)
    const ran: [number, number][] = []
    const made = Array.from({ length: 500 }, (_, number) => [Math.floor(random() * 40), number] as const)
    for (const [due, number] of made) clock.after(due, () => ran.push([due, number]))
    base.advance(100)
    expect(ran).toEqual(made.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]))
    expect(clock.pending).toBe(0)
  })

  it('forgets what is cancelled, and has a limit', () => {
    const base = createVirtualClock()
    const clock = new OrderedClock(2, base)
    const ran: number[] = []
    const cancel = clock.after(5, () => ran.push(1))
    clock.after(6, () => ran.push(2))
    clock.after(4, () => ran.push(3))
    cancel()
    base.advance(10)
    expect([ran, clock.dropped]).toEqual([[2], 1])
  })
})
