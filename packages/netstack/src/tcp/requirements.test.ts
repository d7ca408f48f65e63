/** Requirements of RFC 9293 that no other test is about; docs/conformance/rfc9293.md has all of them. */
import { describe, expect, it } from 'vitest'
import { address } from '../testing/build-packet.ts'
import { parseSegment } from '../wire/tcp-segment.ts'
import { unlimited } from './congestion/unlimited.ts'
import { InitialNumbers } from './initial-numbers.ts'
import { letters, Talk } from './testing/talk.ts'

describe('urgent data (RFC 9293 3.8.5)', () => {
  it('stays where it is, and the program hears how far it reaches, as soon as the pointer says so (MUST-30, MUST-32, MUST-33)', () => {
    const talk = Talk.established()
    talk.connection.reports.wanted = true
    talk.gets({ flags: 'ACK URG', seq: 1, ack: 1, text: 'stop', urgent: 4 })
    expect([talk.connection.reports.take(), talk.connection.urgent.unreadBytes]).toEqual([[{ kind: 'urgent', bytes: 4 }], 4])
    talk.gets({ flags: 'ACK URG', seq: 5, ack: 1, text: '!', urgent: 10 })
    expect([talk.connection.reports.take(), talk.connection.urgent.unreadBytes]).toEqual([[{ kind: 'urgent', bytes: 14 }], 14])
    expect([talk.reads(), talk.connection.urgent.unreadBytes]).toEqual(['stop!', 9])
    talk.gets({ flags: 'ACK URG', seq: 6, ack: 1, text: 'as was said', urgent: 9 })
    expect(talk.connection.reports.take()).toEqual([])
    expect([talk.reads(), talk.connection.urgent.unreadBytes]).toEqual(['as was said', 0])
  })

  it('may be announced where the window is closed (MUST-66)', () => {
    const talk = Talk.established({ mss: 1000, settings: { receiveBufferBytes: 4_000, largestReceiveBufferBytes: 4_000, windowScaling: false } })
    talk.connection.reports.wanted = true
    for (let index = 0; index < 4; index += 1) talk.gets({ seq: 1 + 1000 * index, ack: 1, text: letters(1000) })
    talk.gets({ flags: 'ACK URG', seq: 4001, ack: 1, urgent: 6 })
    expect(talk.connection.reports.take()).toEqual([{ kind: 'urgent', bytes: 4006 }])
  })

  it('is sent with a pointer to the byte behind it, in every segment before that, of any length (MUST-31, MUST-62)', () => {
    const talk = Talk.established({ settings: { createCongestion: unlimited } })
    talk.connection.urgent.announce(3_000)
    talk.writes(letters(3_000))
    expect(talk.takeSent().map(({ flags, seq, urgent }) => [flags, seq, urgent])).toEqual([['ACK URG', 1, 3_000], ['ACK URG', 1461, 1_540], ['ACK URG', 2921, 80]])
    talk.writes('calm')
    talk.emits({ flags: 'ACK', text: 'calm' })
    talk.connection.urgent.announce(100_000)
    talk.writes(letters(100_000))
    expect(talk.takeSent()[0]?.urgent).toBe(65_535)
  })
})

describe('a peer that is hard to reach', () => {
  it('is told of at the third retransmission, and the connection lives on (MUST-20, MUST-47, SHLD-9, SHLD-10)', () => {
    const talk = Talk.established()
    const { reports } = talk.connection
    reports.wanted = true
    talk.writes('hello?')
    talk.passes(200 + 400)
    expect(reports.take()).toEqual([])
    talk.passes(800)
    expect(reports.take()).toMatchObject([{ kind: 'retransmissions', count: 3 }])
    talk.passes(60_000)
    expect([reports.take(), talk.state]).toEqual([[], 'ESTABLISHED'])
  })

  it('is not told of to a program that does not ask (SHLD-20)', () => {
    const talk = Talk.established()
    talk.writes('hello?')
    talk.passes(60_000)
    expect(talk.connection.reports.take()).toEqual([])
  })

  it('is given up when the program says, for one connection (MUST-21); by default not before 100 seconds (SHLD-11)', () => {
    const [usual, patient, hasty] = [Talk.established(), Talk.established(), Talk.established()]
    patient.connection.tunables.giveUpAfter = Number.POSITIVE_INFINITY
    hasty.connection.tunables.giveUpAfter = 5_000
    for (const talk of [usual, patient, hasty]) talk.writes('hello?')
    for (const talk of [usual, patient, hasty]) talk.passes(101_000)
    expect([usual.state, patient.state, hasty.failure]).toEqual(['ESTABLISHED', 'ESTABLISHED', 'timeout'])
    for (const talk of [usual, patient]) talk.passes(3_600_000)
    expect([usual.failure, patient.state]).toEqual(['timeout', 'ESTABLISHED'])
  })

  it('is not judged by what it acknowledges of data that was sent twice (Karn, MUST-18)', () => {
    const talk = Talk.established({ roundTrip: 100 })
    const before = talk.connection.roundTrip
    talk.writes('lost')
    talk.passes(5_000)
    talk.gets({ seq: 1, ack: 5 })
    expect(talk.connection.roundTrip).toBe(before)
  })
})

describe('a window that shrinks over what is in flight (RFC 9293 3.8.6)', () => {
  const shrunk = (): Talk => {
    const talk = Talk.established({ peerWindow: 4_000, settings: { createCongestion: unlimited } })
    talk.writes(letters(6_000))
    talk.ignoresSent()
    talk.gets({ seq: 1, ack: 1001, window: 500 })
    return talk
  }

  it('lets nothing new go, and what is in it goes again (SHLD-15, SHLD-16)', () => {
    const talk = shrunk()
    talk.isQuiet()
    talk.passes(2_000)
    const sent = talk.takeSent()
    expect(sent[0]?.seq).toBe(1001)
    expect(Math.max(...sent.map(({ seq = 0, text = '' }) => seq + text.length))).toBeLessThanOrEqual(4001)
  })

  it('ends no connection whose peer answers, though it acknowledges nothing beyond (SHLD-17)', () => {
    const talk = shrunk()
    for (let minute = 0; minute < 10; minute += 1) {
      talk.passes(60_000)
      talk.ignoresSent()
      talk.gets({ seq: 1, ack: 1001, window: 500 })
    }
    expect(talk.state).toBe('ESTABLISHED')
    talk.passes(400_000)
    expect(talk.failure).toBe('timeout')
  })

  it('is a number of 32 bits without a sign, scaled as it may be (MUST-1, REC-1)', () => {
    const talk = Talk.established({ peerOptions: { windowScale: 14 }, settings: { createCongestion: unlimited, flightLimitBytes: 2 ** 30 } })
    talk.gets({ seq: 1, ack: 1, window: 65_535 })
    expect(talk.connection.info().sendWindowBytes).toBe(65_535 * 2 ** 14)
  })
})

describe('keep-alive (RFC 9293 3.8.4)', () => {
  it('waits two hours where nothing else is said, and as long as the program says (MUST-24, MUST-27, MUST-28)', () => {
    const usual = Talk.established({ settings: { keepAlive: {} } })
    usual.passes(2 * 3_600_000 - 1)
    usual.isQuiet()
    usual.passes(1)
    usual.emits({ flags: 'ACK', seq: 0, text: '' })
    const brisk = Talk.established({ settings: { keepAlive: { idle: 3_000 } } })
    brisk.passes(3_000)
    brisk.emits({ flags: 'ACK', seq: 0, text: '' })
  })

  it('asks only where nothing is in flight, and nobody has said anything for so long (MUST-26)', () => {
    const talk = Talk.established({ settings: { keepAlive: { idle: 3_000, interval: 500, probes: 2 } } })
    talk.passes(2_000)
    talk.gets({ seq: 1, ack: 1, text: 'hm' })
    talk.ignoresSent()
    talk.passes(2_999)
    talk.isQuiet()
    talk.writes('data')
    talk.passes(20_000)
    expect(new Set(talk.takeSent().map(({ seq, text }) => `${seq} ${text}`))).toEqual(new Set(['1 data']))
    expect(talk.state).toBe('ESTABLISHED')
  })

  it('bears that an answer is lost (MUST-29)', () => {
    const talk = Talk.established({ settings: { keepAlive: { idle: 3_000, interval: 500, probes: 3 } } })
    talk.passes(4_000)
    expect(talk.ignoresSent()).toBe(3)
    talk.gets({ seq: 1, ack: 1 })
    talk.passes(2_000)
    expect(talk.state).toBe('ESTABLISHED')
  })
})

describe('segments', () => {
  it('name a largest size in the SYN and never again (MUST-14, MUST-65)', () => {
    const talk = new Talk()
    talk.accepts()
    expect(talk.emits({ flags: 'SYN ACK' }).options.mss).toBe(1460)
    talk.gets({ seq: 1, ack: 1 })
    talk.writes('data')
    talk.closes()
    for (const { mss } of talk.takeSent()) expect(mss).toBeUndefined()
  })

  it('are as large as can be, whatever pieces the data came in, and the last of it is pushed (MUST-60, MUST-61, SHLD-27, SHLD-28)', () => {
    const talk = Talk.established({ peerWindow: 0 })
    for (let index = 0; index < 300; index += 1) talk.writes(letters(10))
    talk.gets({ seq: 1, ack: 1, window: 60_000 })
    const data = talk.takeSent().filter(({ text }) => text !== '')
    expect(data.map(({ text, push }) => [text?.length, push ?? false])).toEqual([[1460, false], [1460, false], [80, true]])
  })

  it('that come together are all looked at before one ACK answers them (MUST-58, MUST-59)', () => {
    const talk = Talk.established()
    talk.getsAll({ seq: 3, ack: 1, text: 'c' }, { seq: 2, ack: 1, text: 'b' }, { seq: 1, ack: 1, text: 'a' }, { seq: 4, ack: 1, text: 'd' })
    talk.emits({ flags: 'ACK', ack: 5 })
    talk.isQuiet()
    expect(talk.reads()).toBe('abcd')
  })

  it('have options that begin anywhere (MUST-64)', () => {
    const options = [1, 2, 4, 0x05, 0xb4, 1, 1, 1, 3, 3, 7, 0]
    const bytes = Uint8Array.from([0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, ((20 + options.length) / 4) << 4, 2, 0, 9, 0, 0, 0, 0, ...options])
    expect(parseSegment(bytes, 0, bytes.length)?.options).toMatchObject({ mss: 1460, windowScale: 7 })
  })

  it('begin slowly again after a silence (RFC 5681 4.1)', () => {
    const talk = Talk.established({ roundTrip: 10 })
    const initial = talk.connection.info().congestionWindowBytes
    for (let round = 0, end = 1; round < 3; round += 1) {
      const bytes = talk.connection.info().congestionWindowBytes
      talk.writes(letters(bytes))
      talk.ignoresSent()
      talk.passes(10)
      talk.gets({ seq: 1, ack: (end += bytes) })
    }
    expect(talk.connection.info().congestionWindowBytes).toBeGreaterThan(2 * initial)
    talk.passes(10_000)
    talk.writes('x')
    expect(talk.connection.info().congestionWindowBytes).toBe(initial)
  })

  it('that reset may have data (SHLD-2)', () => {
    const talk = Talk.established()
    talk.gets({ flags: 'RST', seq: 1, text: 'because' })
    expect([talk.failure, talk.reads()]).toEqual(['reset', ''])
  })
})

describe('initial sequence numbers (RFC 9293 3.4.1)', () => {
  const pair = { local: address('10.0.0.1'), remote: address('10.0.0.2'), localPort: 80, remotePort: 1234 }
  const numbersOf = (seed: number): InitialNumbers => {
    let state = seed
    return new InitialNumbers(() => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647)
  }

  it('follow a clock of four microseconds (MUST-8)', () => {
    const numbers = numbersOf(1)
    expect((numbers.sequence(pair, 5_001) - numbers.sequence(pair, 5_000)) | 0).toBe(250)
  })

  it('begin elsewhere for each pair of endpoints and for each secret (SHLD-1, MUST-9)', () => {
    const [first, other] = [numbersOf(1), numbersOf(2)]
    const begins = [first.sequence(pair, 0), other.sequence(pair, 0), first.sequence({ ...pair, remotePort: 1235 }, 0), first.sequence({ ...pair, local: address('10.0.0.3') }, 0)]
    expect(new Set(begins.map((begin) => begin >> 8)).size).toBe(4)
  })
})
