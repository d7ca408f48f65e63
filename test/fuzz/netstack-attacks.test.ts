import { describe, expect, it } from 'vitest'
import { letters, Talk } from '../../packages/netstack/src/tcp/testing/talk.ts'
import { scaled } from '../support/scale.ts'
import { usedMebibytes } from './support/heap.ts'
import { choose, createRandom, fuzzSeed, pick } from './support/random.ts'

const count = scaled(1_000_000, 10_000)

describe('a TCP connection', () => {
  it(`takes ${count} segments of one byte: what it holds does not grow`, { timeout: 120_000 }, async () => {
    const talk = Talk.established()
    let read = 0
    const take = (from: number, to: number): void => {
      for (let index = from; index < to; index += 1) {
        talk.gets({ seq: 1 + index, ack: 1, text: 'x' })
        talk.ignoresSent()
        if (index % 1000 === 999) read += talk.reads().length
      }
      talk.ignoresSent()
    }
    take(0, 5_000)
    const before = await usedMebibytes()
    take(5_000, count)
    expect([read, talk.state]).toEqual([count, 'ESTABLISHED'])
    expect((await usedMebibytes()) - before).toBeLessThan(2)
  })

  it(`is neither reset nor fed by ${count} blind segments, and goes on (seed ${fuzzSeed})`, { timeout: 120_000 }, () => {
    const random = createRandom(fuzzSeed)
    const talk = Talk.established()
    for (let index = 0; index < count; index += 1) {
      const flags = choose(random, ['RST', 'RST ACK', 'SYN', 'SYN ACK', 'ACK', 'FIN ACK'] as const)
      // Half of them are near: in the window, but not the very next number, which nobody else can know.
      const seq = random() < 0.5 && flags !== 'ACK' && flags !== 'FIN ACK' ? 2 + pick(random, 60_000) : 100_000_000 + pick(random, 2 ** 31)
      talk.gets({ flags, seq, ack: 2 + pick(random, 2 ** 31), ...(flags === 'ACK' && { text: 'forged' }) })
      talk.ignoresSent()
    }
    expect([talk.state, talk.failure]).toEqual(['ESTABLISHED', undefined])
    talk.gets({ seq: 1, ack: 1, text: 'real' })
    expect(talk.reads()).toBe('real')
  })

  it('holds still before a window of zero for a day, asks now and then, and goes on when it opens', () => {
    const talk = Talk.established()
    talk.gets({ seq: 1, ack: 1, window: 0 })
    talk.writes(letters(100_000))
    let asked = 0
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      talk.passes(60_000)
      const sent = talk.takeSent()
      expect(sent.every(({ text = '' }) => text.length <= 1)).toBe(true)
      asked += sent.length
      if (sent.length > 0) talk.gets({ seq: 1, ack: 1, window: 0 })
    }
    expect([talk.state, talk.connection.unsentBytes]).toEqual(['ESTABLISHED', 100_000])
    expect(asked).toBeGreaterThan(100)
    expect(asked).toBeLessThan(24 * 60 + 20)
    talk.gets({ seq: 1, ack: 1, window: 60_000 })
    expect(talk.takeSent()[0]?.text).toBe(letters(100_000).slice(0, 1460))
  })
})
