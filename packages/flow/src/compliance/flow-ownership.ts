import { expect, it } from 'vitest'
import type { Release } from '../flow.ts'
import { testError, type Pair } from './flow-pair.ts'
import { firstDifference, pattern } from './random.ts'
import { turns, until } from './until.ts'

export function ownershipTests(pair: Pair): void {
  it('releases each chunk once when it was sent', async () => {
    const { left, right, closed } = pair()
    left.attach()
    right.attach()
    for (const size of [1, 10, 1_000, 10_000, 30_000]) left.send(pattern(0, size), 'released')
    left.end()
    right.end()
    await closed()
    await until(() => left.releases === 5, 'every release')
    expect(right.receivedBytes).toBe(41_011)
  })

  for (const who of ['left', 'right'] as const) {
    it(`releases each chunk once when ${who} resets`, async () => {
      const { left, right, closed } = pair()
      left.attach()
      right.pause()
      right.attach()
      while (!left.blocked && left.sends < 2_000) left.send(pattern(0, left.sends % 2 ? 200 : 30_000), 'released')
      const dying = who === 'left' ? left : right
      dying.reset(testError())
      right.resume()
      await closed()
      await until(() => left.releases === left.sends, 'every release')
      await turns(3)
    })
  }

  it('releases what was sent in the same turn as the reset', async () => {
    const { left, right, closed } = pair()
    left.attach()
    right.attach()
    for (const size of [1, 100, 20_000, 5]) left.send(pattern(0, size), 'released')
    left.reset(testError())
    await closed()
    await until(() => left.releases === 4, 'every release')
  })

  it('leaves held chunks alone until they are released', async () => {
    const { left, right } = pair()
    const held: { chunk: Uint8Array; offset: number; release: Release }[] = []
    left.attach()
    right.attach({
      discard: true,
      data: (chunk, hold) => held.push({ chunk, offset: right.receivedBytes - chunk.length, release: hold() }),
    })
    let sent = 0
    for (let index = 0; index < 60; index += 1) {
      left.send(pattern(sent, 5_000), index % 2 ? 'released' : 'copied')
      sent += 5_000
      await until(() => right.receivedBytes === sent, 'the chunk')
    }
    const damaged = held.filter(({ chunk, offset }) => firstDifference(chunk, offset) >= 0)
    expect(damaged).toEqual([])
    for (const { release } of held) release()
    await until(() => left.releases === 60, 'every release')
  })
}
