import { expect, it } from 'vitest'
import type { Pair } from './flow-pair.ts'
import { pattern } from './random.ts'
import { turn, until } from './until.ts'

/** More than kernels and windows on the way take in before back-pressure is felt. */
const patienceBytes = 64 * 1024 * 1024

export function backPressureTests(pair: Pair): void {
  const chunkBytes = 16 * 1024

  it('reaches the sender of a paused reader, and lets go', async () => {
    const { left, right } = pair()
    left.attach()
    right.pause()
    right.attach({ discard: true })
    let sent = 0
    for (let quiet = 0; quiet < 30; quiet += 1) {
      while (!left.blocked && sent < patienceBytes) {
        left.send(pattern(sent, chunkBytes))
        sent += chunkBytes
        quiet = 0
      }
      await turn()
    }
    expect(left.blocked).toBe(true)
    expect(sent).toBeLessThan(patienceBytes)
    expect(left.flow.queuedBytes).toBeLessThanOrEqual(sent)
    const drains = left.drains
    right.resume()
    await until(() => right.receivedBytes === sent, 'all bytes')
    await until(() => left.drains === drains + 1 && !left.blocked, 'one drain')
    await until(() => left.flow.queuedBytes === 0, 'an empty queue')
  })

  it('accepts one chunk after false, and resets at the next with flow.overrun', async () => {
    const { left, right } = pair()
    left.attach()
    right.pause()
    right.attach({ discard: true })
    let sends = 0
    while (left.send(pattern(0, chunkBytes), 'released') && sends < patienceBytes / chunkBytes) sends += 1
    left.send(pattern(0, chunkBytes), 'released')
    expect(left.closes).toEqual([])
    const queued = left.flow.queuedBytes
    left.send(pattern(0, chunkBytes), 'released')
    await until(() => left.closes.length === 1, 'close')
    expect(left.closes[0]?.code).toBe('flow.overrun')
    expect(left.flow.queuedBytes).toBe(0)
    expect(queued).toBeGreaterThan(0)
    right.resume()
    await until(() => right.closes.length === 1, 'close of the reader')
    await until(() => left.releases === left.sends, 'every release')
  })
}
