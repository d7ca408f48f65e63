import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError, isCodedError } from '../coded-error.ts'
import type { Flow, Release } from '../flow.ts'
import { createRandom, firstDifference, pattern } from './random.ts'
import { turn, turns, until } from './until.ts'
import { WatchedFlow } from './watched-flow.ts'

export interface FlowEnds {
  readonly left: Flow
  readonly right: Flow
  /** Ends what the test has left open. */
  close(): Promise<void>
}

/** More than kernels and windows on the way take in before back-pressure is felt. */
const patienceBytes = 64 * 1024 * 1024

/** Registers tests for every rule of `Flow`. `create` gives two fresh ends, not attached, for each test. */
export function flowCompliance(name: string, create: () => Promise<FlowEnds>): void {
  describe(`${name} is a Flow`, () => {
    let ends: FlowEnds
    let left: WatchedFlow
    let right: WatchedFlow

    beforeEach(async () => {
      ends = await create()
      left = new WatchedFlow(ends.left)
      right = new WatchedFlow(ends.right)
    })

    afterEach(async () => {
      await ends.close()
      expect([...left.violations, ...right.violations]).toEqual([])
    })

    const closed = () => until(() => left.closes.length > 0 && right.closes.length > 0, 'close on both ends')

    describe('delivery', () => deliveryTests(() => ({ left, right })))
    describe('back-pressure', () => backPressureTests(() => ({ left, right })))
    describe('half-close', () => halfCloseTests(() => ({ left, right }), closed))
    describe('reset', () => resetTests(() => ({ left, right }), closed))
    describe('ownership of bytes', () => ownershipTests(() => ({ left, right }), closed))
  })
}

type Pair = () => { left: WatchedFlow; right: WatchedFlow }

const testError = () => new CodedError('test.reset', 'the test resets it')

function deliveryTests(pair: Pair): void {
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

function backPressureTests(pair: Pair): void {
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

function halfCloseTests(pair: Pair, closed: () => Promise<void>): void {
  for (const first of ['left', 'right'] as const) {
    it(`keeps the other half open when ${first} ends first`, async () => {
      const { left, right } = pair()
      const [early, late] = first === 'left' ? [left, right] : [right, left]
      early.attach()
      late.attach()
      early.send('last words')
      early.end()
      await until(() => late.ends === 1, 'the end')
      expect(late.text).toBe('last words')
      late.send('still ')
      await until(() => early.text === 'still ', 'data after our FIN')
      late.send('talking')
      await turns(3)
      expect(early.closes.length + late.closes.length).toBe(0)
      late.end()
      await closed()
      expect(early.text).toBe('still talking')
      expect([early.ends, late.ends]).toEqual([1, 1])
      expect([...early.closes, ...late.closes]).toEqual([undefined, undefined])
    })
  }

  it('closes in order when both end at once', async () => {
    const { left, right } = pair()
    left.attach()
    right.attach()
    left.send(pattern(0, 100_000))
    right.send('short')
    left.end()
    right.end()
    await closed()
    expect([right.receivedBytes, left.text]).toEqual([100_000, 'short'])
    expect([...left.closes, ...right.closes]).toEqual([undefined, undefined])
    await turns(3)
  })

  it('ignores and counts sends after end, and says that they need not wait', async () => {
    const { left, right } = pair()
    left.attach()
    right.attach()
    left.end()
    expect(left.send('late', 'released')).toBe(true)
    expect(left.send('later')).toBe(true)
    left.end()
    right.end()
    await closed()
    left.send('latest', 'released')
    expect(left.flow.lateSends).toBe(3)
    expect(left.releases).toBe(3)
    expect(right.receivedBytes).toBe(0)
  })
}

function resetTests(pair: Pair, closed: () => Promise<void>): void {
  it('closes both ends with an error, and delivers nothing more', async () => {
    const { left, right } = pair()
    left.attach()
    right.attach()
    right.send('unread')
    const error = testError()
    left.reset(error)
    await closed()
    expect(left.closes).toEqual([error])
    expect(left.receivedBytes).toBe(0)
    expect(isCodedError(right.closes[0])).toBe(true)
    expect(right.ends).toBe(0)
    await turns(3)
  })

  it('works after our end, and after theirs', async () => {
    const { left, right } = pair()
    left.attach()
    right.attach()
    left.end()
    await until(() => right.ends === 1, 'the end')
    right.reset(testError())
    await closed()
    expect(right.closes[0]?.code).toBe('test.reset')
    expect(isCodedError(left.closes[0])).toBe(true)
    expect(left.ends).toBe(0)
  })

  it('is reported after attach when it came before', async () => {
    const { left, right } = pair()
    right.attach()
    left.reset(testError())
    await until(() => right.closes.length === 1, 'close of the peer')
    left.attach()
    await until(() => left.closes.length === 1, 'close')
    expect(left.closes[0]?.code).toBe('test.reset')
  })

  it('counts once, and later calls are ignored', async () => {
    const { left, right } = pair()
    left.attach()
    right.attach()
    left.reset(testError())
    left.reset(new CodedError('test.second', 'too late'))
    left.end()
    left.pause()
    left.resume()
    expect(left.send('late')).toBe(true)
    await closed()
    left.reset(testError())
    await turns(3)
    expect(left.closes.map((error) => error?.code)).toEqual(['test.reset'])
    expect(left.flow.lateSends).toBe(1)
  })
}

function ownershipTests(pair: Pair, closed: () => Promise<void>): void {
  it('releases each chunk once when it was sent', async () => {
    const { left, right } = pair()
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
      const { left, right } = pair()
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
    const { left, right } = pair()
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
