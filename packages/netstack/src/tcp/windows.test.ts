import { describe, expect, it } from 'vitest'
import { unlimited } from './congestion/unlimited.ts'
import { letters, Talk } from './testing/talk.ts'

const smallBuffer = { receiveBufferBytes: 4_000, largestReceiveBufferBytes: 4_000, windowScaling: false }

describe('our window', () => {
  it('closes as nobody reads, and opens in steps that are worth a segment (RFC 9293 3.8.6.2.2, MUST-39)', () => {
    const talk = Talk.established({ mss: 1000, settings: smallBuffer })
    for (let index = 0; index < 4; index += 1) talk.gets({ seq: 1 + 1000 * index, ack: 1, text: letters(1000) })
    expect(talk.takeSent().at(-1)).toMatchObject({ ack: 4001, window: 0 })
    talk.gets({ seq: 4001, ack: 1, text: 'no room' })
    talk.emits({ ack: 4001, window: 0 })
    expect(talk.reads()).toHaveLength(4000)
    talk.emits({ flags: 'ACK', ack: 4001, window: 4000 })
  })

  it('never moves its right edge back (RFC 9293 3.8.6)', () => {
    const talk = Talk.established({ mss: 1000, settings: smallBuffer })
    let edge = 0
    for (let index = 0; index < 40; index += 1) {
      talk.gets({ seq: 1 + 100 * index, ack: 1, text: letters(100) })
      for (const { ack = 0, window = 0 } of talk.takeSent()) {
        expect(ack + window).toBeGreaterThanOrEqual(edge)
        edge = ack + window
      }
    }
    expect(talk.connection.readableBytes).toBe(4000)
  })

  it('takes an ACK, and a FIN, at its closed edge', () => {
    const talk = Talk.established({ mss: 1000, settings: smallBuffer })
    talk.writes('question')
    for (let index = 0; index < 4; index += 1) talk.gets({ seq: 1 + 1000 * index, ack: 1, text: letters(1000) })
    talk.gets({ seq: 4001, ack: 9 })
    talk.ignoresSent()
    talk.passes(10_000)
    talk.isQuiet()
    talk.gets({ flags: 'FIN ACK', seq: 4001, ack: 9 })
    expect(talk.state).toBe('CLOSE-WAIT')
    talk.emits({ ack: 4002 })
  })

  it('is scaled where both have said so (RFC 7323 2.2), and never in a SYN', () => {
    const talk = new Talk({ settings: { receiveBufferBytes: 1_000_000, largestReceiveBufferBytes: 1_000_000 }, peerOptions: { windowScale: 2 } })
    talk.accepts()
    talk.emits({ flags: 'SYN ACK', window: 65_535, windowScale: 4 })
    talk.gets({ seq: 1, ack: 1 })
    talk.gets({ seq: 1, ack: 1, text: 'x' })
    expect((talk.takeSent()[0]?.window ?? 0) * 16).toBeGreaterThan(990_000)
  })

  it('grows with what is read in a round trip, up to its bound', () => {
    const talk = Talk.established({ settings: { receiveBufferBytes: 10_000, largestReceiveBufferBytes: 200_000 }, peerOptions: { windowScale: 7 } })
    let seq = 1
    let largest = 0
    for (let round = 0; round < 400; round += 1) {
      talk.passes(10)
      for (let index = 0; index < 5; index += 1, seq += 1460) talk.gets({ seq, ack: 1, text: letters(1460) })
      talk.reads()
      for (const { window = 0 } of talk.takeSent()) largest = Math.max(largest, window * 4)
    }
    expect(largest).toBeGreaterThan(25_000)
    expect(largest).toBeLessThanOrEqual(200_000)
  })
})

describe("the peer's window", () => {
  const talkWithUnsent = (): Talk => {
    const talk = Talk.established({ peerWindow: 1000, settings: { createCongestion: unlimited } })
    talk.writes(letters(3000))
    talk.emits({ seq: 1, text: letters(3000).slice(0, 1000) })
    talk.isQuiet()
    return talk
  }

  it('is not overrun (RFC 9293 3.8.6)', () => {
    const talk = talkWithUnsent()
    talk.gets({ seq: 1, ack: 1001, window: 500 })
    talk.emits({ seq: 1001, text: letters(3000).slice(1000, 1500) })
    talk.isQuiet()
  })

  it('that is closed is asked about, ever more seldom, as long as the peer answers (RFC 9293 MUST-35, MUST-36, SHLD-29, SHLD-30)', () => {
    const talk = talkWithUnsent()
    talk.gets({ seq: 1, ack: 1001, window: 0 })
    const times: number[] = []
    let last = talk.now
    for (let probes = 0; probes < 30; probes += 1) {
      while (talk.everSent === 2 + probes) talk.passes(10)
      times.push(talk.now - last)
      last = talk.now
      talk.emits({ flags: 'ACK', seq: 1000, text: '' })
      talk.gets({ seq: 1, ack: 1001, window: 0 })
    }
    expect(times.slice(0, 4).map((time) => Math.round(time / times[0]!))).toEqual([1, 2, 4, 8])
    expect(times.at(-1)).toBeLessThanOrEqual(60_010)
    expect(talk.state).toBe('ESTABLISHED')
    talk.gets({ seq: 1, ack: 1001, window: 60_000 })
    expect(talk.takeSent().map(({ text }) => text?.length)).toEqual([1460, 540])
  })

  it('that is closed by a peer who says no more is given up (RFC 9293 3.8.3)', () => {
    const talk = talkWithUnsent()
    talk.gets({ seq: 1, ack: 1001, window: 0 })
    talk.passes(500_000)
    expect(talk.failure).toBe('timeout')
  })

  it('may shrink: what is beyond goes out again later, and nothing is lost (RFC 9293 MUST-34)', () => {
    const talk = talkWithUnsent()
    talk.gets({ seq: 1, ack: 1, window: 0 })
    talk.passes(5_000)
    expect(talk.ignoresSent()).toBeGreaterThan(0)
    talk.gets({ seq: 1, ack: 1001, window: 2000 })
    expect(talk.takeSent().map(({ seq, text }) => [seq, text?.length])).toEqual([[1001, 1000], [2001, 1000]])
  })

  it('counts only from segments that are not older (RFC 9293 3.10.7.4, WL1 and WL2)', () => {
    const talk = Talk.established({ peerWindow: 100 })
    talk.gets({ seq: 1, ack: 1, window: 60_000, text: 'new' })
    talk.gets({ seq: 1, ack: 1, window: 10, text: 'n' })
    talk.ignoresSent()
    talk.writes(letters(2000))
    expect(talk.takeSent().map(({ text }) => text?.length)).toEqual([1460, 540])
  })

  it('of few segments is divided evenly, so that no rest is left which would be too small to send', () => {
    const talk = Talk.established({ peerWindow: 4096, settings: { createCongestion: unlimited } })
    talk.writes(letters(10_000))
    expect(talk.takeSent().map(({ text }) => text?.length)).toEqual([1024, 1024, 1024, 1024])
  })

  it('that stays silly is used after a while (RFC 9293 3.8.6.2.1, case 4)', () => {
    const talk = talkWithUnsent()
    talk.gets({ seq: 1, ack: 1001, window: 100 })
    talk.isQuiet()
    talk.passes(1_000)
    talk.emits({ seq: 1001, text: letters(3000).slice(1000, 1100) })
  })
})

describe('small writes', () => {
  it('go at once by default', () => {
    const talk = Talk.established()
    talk.writes('a')
    talk.writes('b')
    talk.emits({ seq: 1, text: 'a' })
    talk.emits({ seq: 2, text: 'b' })
  })

  it('wait for an ACK where Nagle is on (RFC 9293 3.7.4)', () => {
    const talk = Talk.established({ settings: { nagle: true } })
    talk.writes('a')
    talk.writes('b')
    talk.writes('c')
    talk.emits({ seq: 1, text: 'a' })
    talk.isQuiet()
    talk.gets({ seq: 1, ack: 2 })
    talk.emits({ seq: 2, text: 'bc' })
  })

  it('and FIN do not wait for each other', () => {
    const talk = Talk.established({ settings: { nagle: true } })
    talk.writes('a')
    talk.writes('b')
    talk.closes()
    talk.emits({ seq: 1, text: 'a' })
    talk.emits({ flags: 'FIN ACK', seq: 2, text: 'b' })
  })
})

describe('ACKs', () => {
  const settled = (): Talk => {
    const talk = Talk.established()
    for (let index = 0; index < 20; index += 1) talk.gets({ seq: 1 + 1460 * index, ack: 1, text: letters(1460) })
    talk.reads()
    talk.passes(100)
    talk.ignoresSent()
    return talk
  }
  const next = 1 + 1460 * 20

  it('come for every second full segment (RFC 5681 4.2; RFC 9293 SHLD-19)', () => {
    const talk = settled()
    talk.gets({ seq: next, ack: 1, text: letters(1460) })
    talk.isQuiet()
    talk.gets({ seq: next + 1460, ack: 1, text: letters(1460) })
    talk.emits({ ack: next + 2920 })
  })

  it('come a little later for one (RFC 9293 MUST-40: less than half a second)', () => {
    const talk = settled()
    talk.gets({ seq: next, ack: 1, text: 'lone' })
    talk.passes(39)
    talk.isQuiet()
    talk.passes(1)
    talk.emits({ ack: next + 4 })
  })

  it('go with data that is sent meanwhile', () => {
    const talk = settled()
    talk.gets({ seq: next, ack: 1, text: 'question' })
    talk.writes('answer')
    talk.emits({ ack: next + 8, text: 'answer' })
    talk.passes(100)
    talk.gets({ seq: next + 8, ack: 7 })
    talk.isQuiet()
  })

  it('come at once for a gap, and for what fills it (RFC 5681 4.2)', () => {
    const talk = settled()
    talk.gets({ seq: next + 10, ack: 1, text: 'later' })
    talk.emits({ ack: next })
    talk.gets({ seq: next, ack: 1, text: '0123456789' })
    talk.emits({ ack: next + 15 })
    expect(talk.reads()).toBe('0123456789later')
  })
})
