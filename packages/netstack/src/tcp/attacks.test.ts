import { describe, expect, it } from 'vitest'
import { letters, Talk } from './testing/talk.ts'

describe('blind attacks (RFC 5961)', () => {
  it('asks back a RST that is in the window but not the next number (3.2)', () => {
    const talk = Talk.established()
    talk.gets({ flags: 'RST', seq: 100 })
    expect(talk.state).toBe('ESTABLISHED')
    talk.emits({ flags: 'ACK', seq: 1, ack: 1 })
    talk.gets({ flags: 'RST', seq: 1 })
    expect([talk.state, talk.failure]).toEqual(['CLOSED', 'reset'])
  })

  it('does not answer a RST outside of the window', () => {
    const talk = Talk.established()
    talk.gets({ flags: 'RST', seq: -1 })
    talk.gets({ flags: 'RST', seq: 10_000_000 })
    expect(talk.state).toBe('ESTABLISHED')
    talk.isQuiet()
  })

  it('asks back a SYN, wherever it is (4.2)', () => {
    const talk = Talk.established()
    talk.gets({ flags: 'SYN', seq: 100 })
    talk.emits({ flags: 'ACK', seq: 1, ack: 1 })
    talk.gets({ flags: 'SYN', seq: -5000 })
    talk.emits({ flags: 'ACK', seq: 1, ack: 1 })
    expect(talk.state).toBe('ESTABLISHED')
  })

  it('does not take data whose ACK was never sent, or is too old (5.2)', () => {
    const talk = Talk.established()
    talk.gets({ seq: 1, ack: 2, text: 'forged' })
    talk.emits({ flags: 'ACK', ack: 1 })
    talk.gets({ seq: 1, ack: -100_000, text: 'forged' })
    talk.emits({ flags: 'ACK', ack: 1 })
    expect(talk.reads()).toBe('')
  })

  it('asks back ten times in five seconds, and no more (7)', () => {
    const talk = Talk.established()
    for (let index = 0; index < 100; index += 1) talk.gets({ flags: 'SYN', seq: 100 + index })
    expect(talk.ignoresSent()).toBe(10)
    talk.passes(5_000)
    talk.gets({ flags: 'SYN', seq: 100 })
    expect(talk.ignoresSent()).toBe(1)
  })

  it('ignores a segment without ACK (RFC 9293 3.10.7.4, fifth)', () => {
    const talk = Talk.established()
    talk.gets({ flags: 'PSH', seq: 1, text: 'no ack' })
    expect(talk.reads()).toBe('')
    talk.isQuiet()
  })
})

describe('two ends that disagree', () => {
  it('do not argue for ever over ACKs outside of their windows', () => {
    const left = Talk.established()
    for (let index = 0; index < 1000; index += 1) left.gets({ flags: 'ACK', seq: -1000, ack: 1 })
    expect(left.ignoresSent()).toBeLessThanOrEqual(10)
  })

  it('gives what is asked for again an answer each time: the ACK may be lost', () => {
    const talk = Talk.established()
    talk.gets({ seq: 1, ack: 1, text: 'once' })
    talk.ignoresSent()
    for (let index = 0; index < 20; index += 1) talk.gets({ seq: 1, ack: 1, text: 'once' })
    expect(talk.ignoresSent()).toBe(20)
    expect(talk.reads()).toBe('once')
  })
})

describe('tiny segments', () => {
  it('of one byte each fill one buffer, not thousands of them', () => {
    const talk = Talk.established({ settings: { receiveBufferBytes: 60_000, largestReceiveBufferBytes: 60_000 } })
    for (let index = 0; index < 60_000; index += 1) {
      talk.gets({ seq: 1 + index, ack: 1, text: 'x' })
      talk.ignoresSent()
    }
    expect(talk.connection.readableBytes).toBe(60_000)
    talk.gets({ seq: 60_001, ack: 1, text: 'too much' })
    expect(talk.connection.readableBytes).toBe(60_000)
    talk.emits({ flags: 'ACK', ack: 60_001, window: 0 })
  })

  it('with gaps between them are dropped beyond a thousand gaps, and the connection lives', () => {
    const talk = Talk.established({ peerOptions: { sackPermitted: true } })
    for (let index = 0; index < 5_000; index += 1) talk.gets({ seq: 3 + 2 * index, ack: 1, text: 'y' })
    talk.ignoresSent()
    talk.gets({ seq: 1, ack: 1, text: letters(20_000) })
    expect(talk.reads()).toBe(letters(20_000))
  })
})

describe('a zero MSS and a false window', () => {
  it('do not make us send packets without end', () => {
    const talk = Talk.established({ peerMss: 0 })
    talk.writes('z'.repeat(640))
    expect(talk.takeSent().map(({ text }) => text?.length)).toEqual(Array.from({ length: 10 }, () => 64))
  })
})
