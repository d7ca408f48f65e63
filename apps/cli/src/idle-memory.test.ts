import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { returnMemoryWhenIdle } from './idle-memory.ts'

function tunneler() {
  const state = { opened: 0, live: 0, collections: 0 }
  const clock = createVirtualClock()
  const stop = returnMemoryWhenIdle({ opened: () => state.opened, live: () => state.live }, { clock, collect: () => (state.collections += 1) })
  return { state, clock, stop }
}

describe('returnMemoryWhenIdle', () => {
  it('collects once after a burst, and not again while nothing happens', () => {
    const { state, clock } = tunneler()
    clock.advance(60_000)
    expect(state.collections).toBe(0)
    state.opened = 1000
    clock.advance(10_000)
    expect(state.collections).toBe(1)
    clock.advance(60_000)
    expect(state.collections).toBe(1)
    state.opened += 1
    clock.advance(10_000)
    expect(state.collections).toBe(2)
  })

  it('leaves a tunneler alone that has flows, or had new ones since the last look', () => {
    const { state, clock } = tunneler()
    state.live = 1
    state.opened = 1
    clock.advance(60_000)
    state.live = 0
    for (let look = 0; look < 5; look += 1) {
      state.opened += 1
      clock.advance(5_000)
    }
    expect(state.collections).toBe(0)
  })

  it('ends with its owner', () => {
    const { clock, stop } = tunneler()
    stop()
    expect(clock.pending).toBe(0)
  })

  it('really collects', () => {
    const clock = createVirtualClock()
    let opened = 0
    const stop = returnMemoryWhenIdle({ opened: () => opened, live: () => 0 }, { clock })
    opened = 1
    expect(() => clock.advance(10_000)).not.toThrow()
    stop()
  })
})
