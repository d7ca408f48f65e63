import { expect, it } from 'vitest'
import type { Release } from '../flow.ts'
import type { Pair } from './flow-pair.ts'
import { createRandom, firstDifference, pattern } from './random.ts'
import { turn, turns, until } from './until.ts'
import type { WatchedFlow } from './watched-flow.ts'

export function deliveryTests(pair: Pair): void {
  it('delivers bytes both ways', async () => {
    const { left, right } = pair()
    left.attach()
    right.attach()
    left.send('ping')
    right.send('pong')
    await until(() => left.text === 'pong' && right.text === 'ping', 'both texts')
  })

  it('loses nothing before attach, not even the end', async () => {
    const { left, right } = pair()
    left.attach()
    left.send('early ')
    left.send(pattern(0, 20_000))
    left.end()
    await turns(5)
    right.attach()
    await until(() => right.ends === 1, 'the end')
    expect(right.received.subarray(0, 6)).toEqual(Buffer.from('early '))
    expect(firstDifference(right.received.subarray(6), 0)).toBe(-1)
    expect(right.receivedBytes).toBe(20_006)
  })

  it('takes sends before its own attach', async () => {
    const { left, right } = pair()
    left.send('first')
    right.attach()
    await until(() => right.text === 'first', 'the text')
    left.attach()
    right.send('second')
    await until(() => left.text === 'second', 'the answer')
  })

  it('ignores empty chunks', async () => {
    const { left, right } = pair()
    left.attach()
    right.attach()
    expect(left.send('')).toBe(true)
    left.send('', 'released')
    left.send('.')
    await until(() => right.text === '.' && left.releases === 3, 'the dot')
  })

  it('throws when it is attached twice', () => {
    const { left } = pair()
    left.attach()
    expect(() => left.attach()).toThrow(expect.objectContaining({ code: 'flow.attached' }))
  })

  it('stops data at pause, also inside data, and goes on at resume', async () => {
    const { left, right } = pair()
    left.attach()
    right.attach({ data: () => right.pause() })
    const chunks = 20
    for (let index = 0; index < chunks; index += 1) left.send(pattern(index * 1000, 1000))
    for (let rounds = 0; right.receivedBytes < chunks * 1000 && rounds < 2000; rounds += 1) {
      const before = right.receivedBytes
      right.resume()
      await until(() => right.receivedBytes > before, 'data after resume')
    }
    expect(firstDifference(right.received, 0)).toBe(-1)
  })

  it('can be paused before attach', async () => {
    const { left, right } = pair()
    left.attach()
    right.pause()
    right.attach()
    left.send('later')
    await turns(5)
    expect(right.receivedBytes).toBe(0)
    right.resume()
    await until(() => right.text === 'later', 'the text')
  })

  it('lets callbacks send: an echo of an echo', async () => {
    const { left, right } = pair()
    const chunk = pattern(0, 50_000)
    left.attach({ data: (echo) => left.receivedBytes < 400_000 && left.send(echo) })
    right.attach({ data: (echo) => right.send(echo) })
    left.send(chunk)
    await until(() => left.receivedBytes >= 400_000, 'eight echoes')
    await turns(5)
  })

  it('keeps order and content under random sizes, pauses and holds', async () => {
    const { left, right } = pair()
    await Promise.all([stream(left, right, 1), stream(right, left, 2)])
  })
}

/** Sends 4 MB one way: random chunks, copied or released, to a reader who pauses and holds at random. */
async function stream(from: WatchedFlow, to: WatchedFlow, seed: number): Promise<void> {
  const totalBytes = 4_000_000
  const random = createRandom(seed)
  const held: { chunk: Uint8Array; offset: number; release: Release }[] = []
  const differences: number[] = []
  const check = (chunk: Uint8Array, offset: number) => {
    const difference = firstDifference(chunk, offset)
    if (difference >= 0) differences.push(offset + difference)
  }
  let pausedUntil = 0
  to.attach({
    discard: true,
    data(chunk, hold) {
      const offset = to.receivedBytes - chunk.length
      check(chunk, offset)
      if (random() < 0.3) held.push({ chunk, offset, release: hold() })
      if (random() < 0.05) {
        to.pause()
        pausedUntil = performance.now() + random() * 3
      }
    },
  })
  await turn()
  let sent = 0
  for (let rounds = 0; to.receivedBytes < totalBytes; rounds += 1) {
    while (sent < totalBytes && !from.blocked) {
      const size = Math.min(totalBytes - sent, Math.ceil(random() ** 3 * 60_000) + 1)
      from.send(pattern(sent, size), random() < 0.5 ? 'released' : 'copied')
      sent += size
    }
    await turn()
    if (performance.now() > pausedUntil) to.resume()
    for (const { chunk, offset, release } of held.splice(0, Math.floor(random() * held.length + 1))) {
      check(chunk, offset)
      release()
    }
    if (rounds > 8_000) throw new Error(`only ${to.receivedBytes} of ${sent} bytes arrived`)
  }
  for (const { chunk, offset, release } of held) {
    check(chunk, offset)
    release()
  }
  expect(differences).toEqual([])
}
