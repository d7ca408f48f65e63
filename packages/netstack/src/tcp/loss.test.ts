import { describe, expect, it } from 'vitest'
import { unlimited } from './congestion/unlimited.ts'
import type { TcpSettings } from './tcp-settings.ts'
import { letters, Talk, type TalkOptions } from './testing/talk.ts'

const mss = 1000
const withSack: TalkOptions = { mss, peerMss: mss, peerOptions: { sackPermitted: true } }
const text = letters(20_000)

/** Ten segments are in flight; the round trip is 100 ms. */
function tenInFlight(options: TalkOptions = withSack): Talk {
  const talk = Talk.established({ roundTrip: 100, ...options })
  talk.writes(text.slice(0, 100))
  talk.passes(100)
  talk.gets({ seq: 1, ack: 101 })
  talk.ignoresSent()
  talk.writes(text.slice(100, 10_100))
  expect(talk.takeSent().map(({ seq }) => seq)).toEqual([101, 1101, 2101, 3101, 4101, 5101, 6101, 7101, 8101, 9101])
  talk.passes(100)
  return talk
}

describe('loss that SACK tells of', () => {
  it('is mended when more than two segments beyond have come (RFC 6675 4, RFC 8985 6.2)', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 2101]] })
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 3101]] })
    talk.isQuiet()
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 4101]] })
    talk.emits({ seq: 101, text: text.slice(100, 1100) })
    talk.isQuiet()
  })

  it('is mended a quarter of a round trip later when less has come: it might only be late (RFC 8985 6.2, step 4)', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 2101]] })
    talk.passes(24)
    talk.isQuiet()
    talk.passes(2)
    talk.emits({ seq: 101 })
  })

  it('is not found where segments only overtake each other', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 2101]] })
    talk.passes(20)
    talk.gets({ seq: 1, ack: 2101 })
    talk.passes(60)
    talk.isQuiet()
    expect(talk.connection.retransmissions).toBe(0)
  })

  it('of many segments is mended in one round trip, what has come is not sent again', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 101, sack: [[9101, 10_101], [5101, 7101], [1101, 3101]] })
    const resent: (number | undefined)[] = talk.takeSent().map(({ seq }) => seq)
    for (let ack = 1101; ack <= 4101; ack += 1000) {
      talk.gets({ seq: 1, ack: Math.max(ack, ack >= 1101 ? 3101 : ack), sack: [[9101, 10_101], [5101, 7101]] })
      resent.push(...talk.takeSent().map(({ seq }) => seq))
    }
    expect(resent).toEqual([101, 3101, 4101, 7101, 8101])
  })

  it('of a retransmission is found by what was sent after it (RFC 8985 3.1)', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 5101]] })
    talk.emits({ seq: 101 })
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 10_101]] })
    talk.writes(text.slice(10_100, 12_100))
    talk.emits({ seq: 10_101 })
    talk.emits({ seq: 11_101 })
    talk.passes(100)
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 12_101]] })
    talk.passes(50)
    talk.emits({ seq: 101 })
  })

  it('is not believed from blocks that cannot be (RFC 2018 8)', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 101, sack: [[50_000, 60_000], [3101, 2101], [-500, 50]] })
    talk.passes(50)
    expect(talk.connection.retransmissions).toBe(0)
    talk.gets({ seq: 1, ack: 10_101 })
    expect(talk.connection.nextWake()).toBe(Number.POSITIVE_INFINITY)
  })

  it('that the peer has forgotten again is mended all the same (RFC 2018 8)', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 101, sack: [[1101, 10_101]] })
    talk.emits({ seq: 101 })
    talk.gets({ seq: 1, ack: 1101 })
    talk.isQuiet()
    talk.passes(1_000)
    talk.emits({ seq: 1101 })
  })
})

describe('ACKs that come together', () => {
  it('reduce the window from what was in flight before the first of them, and all of them let it grow', () => {
    const flights: string[] = []
    const createCongestion: TcpSettings['createCongestion'] = () => ({
      ...unlimited(),
      windowBytes: 10_000,
      acked: ({ flightBytes }) => flights.push(`acked of ${flightBytes}`),
      lossDetected: (flightBytes) => flights.push(`lost of ${flightBytes}`),
    })
    const talk = tenInFlight({ ...withSack, settings: { createCongestion } })
    flights.length = 0
    talk.getsAll({ seq: 1, ack: 2101 }, { seq: 1, ack: 4101 }, { seq: 1, ack: 4101, sack: [[5101, 9101]] })
    expect(flights).toEqual(['acked of 10000', 'acked of 10000', 'lost of 10000'])
  })
})

describe('loss at the end', () => {
  it('is probed for after two round trips (RFC 8985 7.2), with the last segment', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 8101 })
    talk.passes(150)
    talk.isQuiet()
    talk.passes(60)
    talk.emits({ seq: 9101, text: text.slice(9100, 10_100) })
    talk.passes(100)
    talk.gets({ seq: 1, ack: 8101, sack: [[9101, 10_101]] })
    talk.emits({ seq: 8101 })
  })

  it('lowers the window when the probe has mended it (RFC 8985 7.4.2)', () => {
    const talk = tenInFlight()
    talk.gets({ seq: 1, ack: 9101 })
    talk.passes(250)
    talk.emits({ seq: 9101 })
    talk.writes(text.slice(10_100, 10_200))
    talk.ignoresSent()
    talk.gets({ seq: 1, ack: 10_201 })
    talk.writes('w'.repeat(20_000))
    expect(talk.ignoresSent()).toBeLessThan(10)
  })

  it('is left to the timeout where there is no SACK', () => {
    const talk = tenInFlight({ mss, peerMss: mss })
    talk.gets({ seq: 1, ack: 9101 })
    const before = talk.now
    while (talk.everSent < 13) talk.passes(1)
    talk.emits({ seq: 9101 })
    expect(talk.now - before).toBeGreaterThanOrEqual(200)
  })
})

describe('loss without SACK (RFC 5681, RFC 6582)', () => {
  it('is mended at the third ACK that repeats itself', () => {
    const talk = tenInFlight({ mss, peerMss: mss })
    talk.gets({ seq: 1, ack: 101 })
    talk.gets({ seq: 1, ack: 101 })
    talk.isQuiet()
    talk.gets({ seq: 1, ack: 101 })
    talk.emits({ seq: 101 })
    talk.isQuiet()
  })

  it('of a second segment is mended at the partial ACK', () => {
    const talk = tenInFlight({ mss, peerMss: mss })
    for (let index = 0; index < 3; index += 1) talk.gets({ seq: 1, ack: 101 })
    talk.ignoresSent()
    talk.gets({ seq: 1, ack: 4101 })
    talk.emits({ seq: 4101 })
  })

  it('is not seen in ACKs that carry data or change the window (RFC 5681 2)', () => {
    const talk = tenInFlight({ mss, peerMss: mss })
    for (let index = 0; index < 5; index += 1) talk.gets({ seq: 1 + index, ack: 101, text: 'x' })
    for (let index = 0; index < 5; index += 1) talk.gets({ seq: 6, ack: 101, window: 60_000 - index })
    expect(talk.connection.retransmissions).toBe(0)
  })
})

describe('timeout', () => {
  it('teaches nothing about the round trip: what was sent once and comes with it has waited behind the gap (RFC 6298 3)', () => {
    const talk = tenInFlight({ mss, peerMss: mss })
    const before = talk.connection.roundTrip
    talk.passes(1_000)
    expect(talk.takeSent().map(({ seq }) => seq)).toContain(101)
    talk.gets({ seq: 1, ack: 10_101 })
    expect([before, talk.connection.roundTrip]).toEqual([100, 100])
  })

  it('sends the first segment again, and waits twice as long each time (RFC 6298 5.4, 5.5)', () => {
    const talk = Talk.established({ mss, peerMss: mss })
    talk.writes('lost')
    talk.ignoresSent()
    const times: number[] = []
    let last = talk.now
    for (let count = 0; count < 5; count += 1) {
      const before = talk.everSent
      while (talk.everSent === before) talk.passes(1)
      talk.emits({ seq: 1, text: 'lost' })
      times.push(talk.now - last)
      last = talk.now
    }
    expect(times.map((time) => Math.round(time / times[0]!))).toEqual([1, 2, 4, 8, 16])
  })

  it('begins again with one segment (RFC 5681 3.1)', () => {
    const talk = tenInFlight()
    talk.passes(2_000)
    const sent = talk.takeSent()
    expect(sent.filter(({ seq }) => seq === 101).length).toBeGreaterThanOrEqual(1)
    talk.gets({ seq: 1, ack: 1101 })
    expect(talk.takeSent().length).toBeLessThanOrEqual(2)
  })

  it('gives up after five minutes in which nothing is answered (RFC 9293 3.8.3, MUST-20)', () => {
    const talk = tenInFlight()
    talk.passes(290_000)
    expect(talk.state).toBe('ESTABLISHED')
    talk.passes(120_000)
    expect([talk.state, talk.failure]).toEqual(['CLOSED', 'timeout'])
  })

  it('that was wrong is noticed by timestamps and undone (RFC 3522, RFC 4015)', () => {
    const talk = tenInFlight({ mss: mss + 12, peerMss: mss + 12, peerOptions: { sackPermitted: true, time: 5 } })
    const sentAt = talk.now - 100
    talk.passes(800)
    expect(talk.ignoresSent()).toBeGreaterThan(0)
    // The ACK answers the first transmission: it was only late.
    talk.gets({ seq: 1, ack: 10_101, time: 6, echo: sentAt })
    talk.writes('v'.repeat(30_000))
    expect(talk.ignoresSent()).toBeGreaterThanOrEqual(10)
  })
})

describe('what came twice', () => {
  it('is told (RFC 2883)', () => {
    const talk = Talk.established(withSack)
    talk.gets({ seq: 1, ack: 1, text: 'hello' })
    talk.ignoresSent()
    talk.gets({ seq: 1, ack: 1, text: 'hello' })
    talk.emits({ flags: 'ACK', ack: 6, sack: [[1, 6]] })
    talk.gets({ seq: 10, ack: 1, text: 'later' })
    talk.emits({ ack: 6, sack: [[10, 15]] })
    talk.gets({ seq: 11, ack: 1, text: 'at' })
    talk.emits({ ack: 6, sack: [[11, 13], [10, 15]] })
  })
})

describe('gaps', () => {
  it('are told, the latest first (RFC 2018 4)', () => {
    const talk = Talk.established(withSack)
    talk.gets({ seq: 11, ack: 1, text: 'aa' })
    talk.emits({ ack: 1, sack: [[11, 13]] })
    talk.gets({ seq: 21, ack: 1, text: 'bb' })
    talk.emits({ ack: 1, sack: [[21, 23], [11, 13]] })
    talk.gets({ seq: 31, ack: 1, text: 'cc' })
    talk.emits({ ack: 1, sack: [[31, 33], [21, 23], [11, 13]] })
    talk.gets({ seq: 13, ack: 1, text: 'dd' })
    talk.emits({ ack: 1, sack: [[11, 15], [31, 33], [21, 23]] })
  })

  it('are told in an ACK of their own where data is sent, which has no room for them', () => {
    const talk = Talk.established(withSack)
    talk.connection.write(new Uint8Array(10), undefined)
    talk.gets({ seq: 11, ack: 1, text: 'aa' })
    talk.emits({ seq: 1, text: '\0'.repeat(10) })
    talk.emits({ seq: 11, text: '', sack: [[11, 13]] })
  })
})

describe('the path', () => {
  it('that takes less than was thought gets smaller segments at once (RFC 1191 6.4)', () => {
    const talk = tenInFlight()
    talk.connection.pathShrunk(500)
    talk.gets({ seq: 1, ack: 101 })
    const [first] = talk.takeSent()
    expect([first?.seq, first?.text?.length]).toEqual([101, 500])
  })

  it('is not forgotten when the handshake tells what the peer takes', () => {
    const talk = new Talk({ mss: 1400 })
    talk.connection.pathShrunk(500)
    talk.opens()
    talk.gets({ flags: 'SYN ACK', seq: 0, ack: 1, mss: 1400 })
    talk.ignoresSent()
    talk.writes('x'.repeat(1400))
    expect(talk.takeSent().map(({ text }) => text?.length)).toEqual([500, 500, 400])
  })
})
