import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { AbandonWatch } from './abandon-watch.ts'

describe('askers that give up', () => {
  it('are noticed among those that wait, and only those of this host', () => {
    const clock = createVirtualClock()
    const states = new Map<number, boolean | undefined>([[1, true], [2, true], [3, undefined]])
    const watch = new AbandonWatch({ clock, isWaiting: ({ port }) => states.get(port) })
    const gone: number[] = []
    for (const port of states.keys()) watch.add({ from: { address: '::1', port }, to: { address: '::2', port: 80 }, abandon: () => gone.push(port) })
    clock.advance(1_000)
    expect(gone).toEqual([])
    states.set(2, false)
    clock.advance(250)
    expect(gone).toEqual([2])
    watch.close()
    states.set(1, false)
    clock.advance(10_000)
    expect(gone).toEqual([2])
  })

  it('are looked at in turns, however many there are', () => {
    const clock = createVirtualClock()
    let asked = 0
    const watch = new AbandonWatch({ clock, isWaiting: () => (asked += 1) > 0 })
    for (let port = 0; port < 1_000; port++) watch.add({ from: { address: '::1', port }, to: { address: '::2', port: 80 }, abandon: () => {} })
    clock.advance(250)
    expect(asked).toBe(200)
    clock.advance(1_000)
    expect(asked).toBe(1_000)
    watch.close()
  })
})
