import { describe, expect, it } from 'vitest'
import { Talk } from './testing/talk.ts'

const stamped = (): Talk => Talk.established({ peerOptions: { time: 1000 } })

describe('timestamps (RFC 7323)', () => {
  it('stand in every segment once both have offered them (3.2)', () => {
    const talk = stamped()
    talk.writes('x')
    expect(talk.takeSent()[0]).toMatchObject({ text: 'x', echo: 1000 })
  })

  it('are not offered by us where the peer has not', () => {
    const talk = Talk.established()
    talk.writes('x')
    expect(talk.takeSent()[0]?.time).toBeUndefined()
  })

  it('shorten a full segment by their twelve bytes (RFC 6691)', () => {
    const talk = stamped()
    talk.writes('x'.repeat(2000))
    expect(talk.takeSent()[0]?.text).toHaveLength(1448)
  })

  it('echo the time of the earliest segment that the next ACK answers (4.2)', () => {
    const talk = stamped()
    talk.getsAll({ seq: 1, ack: 1, text: 'a', time: 1001 }, { seq: 2, ack: 1, text: 'b', time: 1002 })
    talk.emits({ ack: 3, echo: 1001 })
    talk.gets({ seq: 10, ack: 1, text: 'gap', time: 1010 })
    talk.emits({ ack: 3, echo: 1001 })
    talk.gets({ seq: 3, ack: 1, text: '1234567', time: 1005 })
    talk.emits({ ack: 13, echo: 1005 })
  })

  it('of an older time mark a duplicate from a lap before: answered, not taken (5.3, R1)', () => {
    const talk = stamped()
    talk.gets({ seq: 1, ack: 1, text: 'old', time: 999 })
    talk.emits({ flags: 'ACK', ack: 1, echo: 1000 })
    expect(talk.reads()).toBe('')
  })

  it('of an older time do not protect from RST (5.2)', () => {
    const talk = stamped()
    talk.gets({ flags: 'RST', seq: 1, time: 1 })
    expect(talk.failure).toBe('reset')
  })

  it('are forgotten after 24 days of silence (5.5)', () => {
    const talk = stamped()
    talk.passes(25 * 24 * 3_600_000)
    talk.gets({ seq: 1, ack: 1, text: 'back', time: 5 })
    expect(talk.reads()).toBe('back')
  })

  it('go on at zero after 2^32 milliseconds', () => {
    const talk = Talk.established({ peerOptions: { time: -1 } })
    talk.gets({ seq: 1, ack: 1, text: 'a', time: 0 })
    talk.emits({ ack: 2, echo: 0 })
  })

  it('that are missing make a segment suspect (3.2)', () => {
    const talk = stamped()
    talk.gets({ seq: 1, ack: 1, text: 'who?', time: null })
    expect(talk.reads()).toBe('')
    talk.isQuiet()
  })

  it('measure the round trip of what was sent twice (4.1)', () => {
    const talk = stamped()
    talk.writes('x')
    talk.passes(1_500)
    talk.ignoresSent()
    const resentAt = talk.now - 200
    talk.gets({ seq: 1, ack: 2, time: 1001, echo: resentAt })
    expect(talk.connection.roundTrip).toBeLessThan(200)
  })
})

describe('keep-alive (RFC 9293 3.8.4)', () => {
  const keepAlive = { idle: 10_000, interval: 1_000, probes: 3 }

  it('is off by default (MUST-25)', () => {
    const talk = Talk.established()
    talk.passes(24 * 3_600_000)
    talk.isQuiet()
  })

  it('asks after silence with a number that has been acknowledged, and is content with any answer', () => {
    const talk = Talk.established({ settings: { keepAlive } })
    talk.passes(10_000)
    talk.emits({ flags: 'ACK', seq: 0, text: '' })
    talk.gets({ seq: 1, ack: 1 })
    talk.passes(9_999)
    talk.isQuiet()
    talk.passes(1)
    talk.emits({ flags: 'ACK', seq: 0 })
  })

  it.each([
    ['an old number', { seq: 0, ack: 1 }],
    ['a number behind the window', { seq: 1_000_000, ack: 1 }],
    ['a SYN', { flags: 'SYN', seq: 1 }],
    ['a reset in the window', { flags: 'RST', seq: 100 }],
    ['no ACK', { flags: 'PSH', seq: 1, text: 'x' }],
    ['an ACK of what was never sent', { seq: 1, ack: 5000, text: 'x' }],
    ['an ACK that is older than any window', { seq: 1, ack: -100_000_000, text: 'x' }],
  ])('is not content with a segment that is not taken: %s', (_, segment) => {
    const talk = Talk.established({ settings: { keepAlive } })
    talk.passes(9_000)
    talk.gets(segment)
    talk.takeSent()
    talk.passes(4_000)
    expect(talk.takeSent().map(({ flags }) => flags)).toEqual(['ACK', 'ACK', 'ACK', 'RST ACK'])
  })

  it.each([
    ['data', { seq: 1, ack: 1, text: 'data' }],
    ['data behind a gap', { seq: 100, ack: 1, text: 'data' }],
    ['data that came before: our answer was lost', { seq: 1, ack: 1, text: 'early' }],
  ])('is content with %s', (_, segment) => {
    const talk = Talk.established({ settings: { keepAlive } })
    talk.gets({ seq: 1, ack: 1, text: 'early' })
    talk.passes(9_000)
    talk.gets(segment)
    talk.takeSent()
    talk.passes(9_000)
    talk.takeSent()
    talk.passes(999)
    talk.isQuiet()
    talk.passes(1)
    talk.emits({ flags: 'ACK', seq: 0 })
  })

  it('ends a connection whose peer is gone', () => {
    const talk = Talk.established({ settings: { keepAlive } })
    talk.passes(13_000)
    expect(talk.takeSent().map(({ flags }) => flags)).toEqual(['ACK', 'ACK', 'ACK', 'RST ACK'])
    expect([talk.state, talk.failure]).toEqual(['CLOSED', 'timeout'])
  })

  it('is answered by us (RFC 9293 3.8.4)', () => {
    const talk = Talk.established()
    talk.gets({ seq: 0, ack: 1 })
    talk.emits({ flags: 'ACK', seq: 1, ack: 1 })
    talk.gets({ seq: 0, ack: 1, text: 'g' })
    talk.emits({ flags: 'ACK', seq: 1, ack: 1 })
  })
})
