import { describe, expect, it } from 'vitest'
import { flowCompliance } from '../compliance/flow-suite.ts'
import { collected } from '../hold.ts'
import { createFlowPair } from './memory-flow.ts'

flowCompliance('createFlowPair', async () => {
  const [left, right] = createFlowPair()
  return { left, right, close: async () => {} }
})

const quiet = { data() {}, end() {}, drain() {}, close() {} }

describe('createFlowPair', () => {
  it('overwrites what a handler keeps without hold', async () => {
    const [left, right] = createFlowPair()
    let kept: Uint8Array | undefined
    right.attach({ ...quiet, data: (chunk) => (kept = chunk) })
    left.send(new Uint8Array([1, 2, 3]))
    await Promise.resolve()
    expect(kept).toEqual(new Uint8Array([0xdd, 0xdd, 0xdd]))
  })

  it('hands released chunks over as they are', async () => {
    const [left, right] = createFlowPair()
    let got: Uint8Array | undefined
    right.attach({ ...quiet, data: (chunk) => (got = chunk) })
    const chunk = new Uint8Array([1, 2, 3])
    left.send(chunk, collected)
    await Promise.resolve()
    expect(got).toBe(chunk)
    expect([...chunk]).toEqual([1, 2, 3])
  })

  it('asks to wait at the limit and to go on at half of it', async () => {
    const [left, right] = createFlowPair({ limitBytes: 100 })
    const calls: string[] = []
    left.attach({ ...quiet, drain: () => calls.push('drain') })
    right.attach({ ...quiet, data: () => right.pause() })
    expect(left.send(new Uint8Array(60))).toBe(true)
    expect(left.send(new Uint8Array(39))).toBe(true)
    expect(left.send(new Uint8Array(1))).toBe(false)
    expect(left.queuedBytes).toBe(100)
    await Promise.resolve()
    await Promise.resolve()
    expect(left.queuedBytes).toBe(40)
    expect(calls).toEqual(['drain'])
  })

  it('carries the given info', () => {
    const [left, right] = createFlowPair({ left: { protocol: 'tcp', service: 'a' }, right: { protocol: 'tcp', service: 'b' } })
    expect([left.info.service, right.info.service]).toEqual(['a', 'b'])
  })
})
