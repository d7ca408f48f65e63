import { CodedError } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import type { ApplyReport, InterceptTable, Interceptor } from '../contracts/interceptor.ts'
import { createCounters } from '../metrics/counters.ts'
import { createApplyLoop } from './apply-loop.ts'

const fine: ApplyReport = { applied: [], removed: [], failed: [] }
const failing = (message: string): ApplyReport => ({ ...fine, failed: [{ service: 'web', error: new CodedError('proxy.listen-failed', message) }] })

function loopOver(apply: (wanted: InterceptTable) => Promise<ApplyReport>) {
  const clock = createVirtualClock()
  const lines: string[] = []
  const applied: InterceptTable[] = []
  let wanted: InterceptTable = { listeners: [], intercepts: [] }
  const interceptor: Interceptor = {
    kind: 'proxy',
    plan: () => [],
    onRequest: () => {},
    close: async () => {},
    apply(table) {
      applied.push(table)
      return apply(table)
    },
  }
  const loop = createApplyLoop({
    interceptor,
    wanted: () => wanted,
    clock,
    counters: createCounters(),
    log: (level, _source, message) => void lines.push(`${level} ${message}`),
  })
  const want = (port: number): InterceptTable => (wanted = { listeners: [{ service: 'web', protocol: 'tcp', port }], intercepts: [] })
  return { loop, clock, lines, applied, want }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('changes', () => {
  it('of one turn make one apply, of the last table', async () => {
    const { loop, applied, want } = loopOver(async () => fine)
    for (const port of [1, 2, 3]) {
      want(port)
      loop.changed()
    }
    await turn()
    expect(applied.map(({ listeners }) => listeners[0]?.port)).toEqual([3])
  })

  it('during an apply wait for its end, and make one more', async () => {
    const ends: (() => void)[] = []
    const { loop, applied, want } = loopOver(() => new Promise((resolve) => ends.push(() => resolve(fine))))
    loop.changed()
    await turn()
    for (const port of [1, 2]) {
      want(port)
      loop.changed()
      await turn()
    }
    expect(applied).toHaveLength(1)
    ends[0]!()
    await turn()
    expect(applied.map(({ listeners }) => listeners[0]?.port)).toEqual([undefined, 2])
  })

  it('after close are ignored, and close waits for the apply that runs', async () => {
    const ends: (() => void)[] = []
    const { loop, applied } = loopOver(() => new Promise((resolve) => ends.push(() => resolve(fine))))
    loop.changed()
    await turn()
    let closed = false
    void loop.close().then(() => (closed = true))
    loop.changed()
    await turn()
    expect(closed).toBe(false)
    ends[0]!()
    await turn()
    expect(closed).toBe(true)
    expect(applied).toHaveLength(1)
  })
})

describe('failures', () => {
  it('are tried again with growing pauses, and logged once per message', async () => {
    let message = 'port in use'
    const { loop, clock, lines, applied } = loopOver(async () => failing(message))
    loop.changed()
    await turn()
    for (const pause of [1_000, 2_000, 4_000]) {
      clock.advance(pause - 1)
      const before = applied.length
      await turn()
      expect(applied).toHaveLength(before)
      clock.advance(1)
      await turn()
      expect(applied).toHaveLength(before + 1)
    }
    expect(lines.filter((line) => line.includes('port in use'))).toHaveLength(1)
    expect(loop.failures.get('web')).toContain('port in use')
    message = 'no such address'
    clock.advance(8_000)
    await turn()
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(2)
  })

  it('of one service are all said, once each', async () => {
    const [one, two] = ['port 1 in use', 'port 2 in use'].map((message) => failing(message).failed[0]!)
    const { loop, clock, lines } = loopOver(async () => ({ ...fine, failed: [one!, two!] }))
    loop.changed()
    await turn()
    clock.advance(1_000)
    await turn()
    expect(lines).toEqual([expect.stringContaining('port 1 in use'), expect.stringContaining('port 2 in use')])
    expect(loop.failures.get('web')).toMatch(/port 1 in use.*; port 2 in use/)
  })

  it('that end are told, and nothing is tried again', async () => {
    let report = failing('port in use')
    const { loop, clock, lines, applied } = loopOver(async () => report)
    loop.changed()
    await turn()
    report = fine
    clock.advance(1_000)
    await turn()
    expect(lines.at(-1)).toBe('info no longer failing')
    expect(loop.failures.size).toBe(0)
    clock.advance(600_000)
    await turn()
    expect(applied).toHaveLength(2)
    expect(clock.pending).toBe(0)
  })

  it('of an interceptor that throws do not end the loop', async () => {
    let broken = true
    const { loop, clock, lines, applied } = loopOver(async () => {
      if (broken) throw new Error('no netlink')
      return fine
    })
    loop.changed()
    await turn()
    expect(lines[0]).toContain('no netlink (intercept.failed)')
    broken = false
    clock.advance(1_000)
    await turn()
    expect(applied).toHaveLength(2)
  })
})
