import { describe, expect, it } from 'vitest'
import { Talk } from './testing/talk.ts'

describe('SYN-SENT', () => {
  const opening = (): Talk => {
    const talk = new Talk()
    talk.opens()
    talk.emits({ flags: 'SYN', seq: 0, mss: 1460, windowScale: 7, sackPermitted: true })
    return talk
  }

  it('is ESTABLISHED after SYN, ACK, and acknowledges it (RFC 9293 3.5, figure 6)', () => {
    const talk = opening()
    talk.gets({ flags: 'SYN ACK', seq: 0, ack: 1, mss: 1000 })
    expect(talk.state).toBe('ESTABLISHED')
    talk.emits({ flags: 'ACK', seq: 1, ack: 1, text: '' })
    talk.isQuiet()
  })

  it('sends what was written meanwhile, in segments of the size that the peer names (RFC 9293 MUST-16)', () => {
    const talk = opening()
    talk.writes('hello')
    talk.isQuiet()
    talk.gets({ flags: 'SYN ACK', seq: 0, ack: 1, mss: 100 })
    talk.emits({ flags: 'ACK', seq: 1, ack: 1, text: 'hello' })
    talk.writes('x'.repeat(250))
    expect(talk.takeSent().map(({ text }) => text?.length)).toEqual([100, 100, 50])
  })

  it('takes 536 bytes where the peer names no size (RFC 9293 MUST-15)', () => {
    const talk = opening()
    talk.gets({ flags: 'SYN ACK', seq: 0, ack: 1 })
    talk.ignoresSent()
    talk.writes('x'.repeat(1000))
    talk.emits({ text: 'x'.repeat(536) })
  })

  it('sends SYN again after one second, and then twice as long (RFC 6298 2.1, 5.5)', () => {
    const talk = opening()
    talk.passes(999)
    talk.isQuiet()
    talk.passes(1)
    talk.emits({ flags: 'SYN', seq: 0 })
    talk.passes(1_999)
    talk.isQuiet()
    talk.passes(1)
    talk.emits({ flags: 'SYN', seq: 0 })
  })

  it('gives up after three minutes, not earlier (RFC 9293 MUST-23)', () => {
    const talk = opening()
    talk.passes(180_000)
    expect(talk.state).toBe('SYN-SENT')
    talk.passes(70_000)
    expect([talk.state, talk.failure]).toEqual(['CLOSED', 'timeout'])
  })

  it('is refused by RST with the right ACK (RFC 9293 3.10.7.3, second)', () => {
    const talk = opening()
    talk.gets({ flags: 'RST ACK', seq: 0, ack: 1 })
    expect([talk.state, talk.failure]).toEqual(['CLOSED', 'refused'])
    talk.isQuiet()
  })

  it('does not care for a RST without ACK, or with a wrong one (RFC 5961 3)', () => {
    const talk = opening()
    talk.gets({ flags: 'RST', seq: 0 })
    talk.gets({ flags: 'RST ACK', seq: 0, ack: 77 })
    expect(talk.state).toBe('SYN-SENT')
    talk.isQuiet()
  })

  it('resets whoever acknowledges what was never sent: an old connection (RFC 9293 3.5.1)', () => {
    const talk = opening()
    talk.gets({ flags: 'ACK', seq: 300, ack: 100 })
    talk.emits({ flags: 'RST', seq: 100 })
    expect(talk.state).toBe('SYN-SENT')
    talk.passes(1_000)
    talk.emits({ flags: 'SYN', seq: 0 })
  })

  it('opens with a peer who opens at the same time (RFC 9293 3.5, figure 7; MUST-10)', () => {
    const talk = opening()
    talk.gets({ flags: 'SYN', seq: 0, mss: 1460 })
    expect(talk.state).toBe('SYN-RECEIVED')
    talk.emits({ flags: 'SYN ACK', seq: 0, ack: 1 })
    talk.gets({ flags: 'ACK', seq: 1, ack: 1 })
    expect(talk.state).toBe('ESTABLISHED')
    talk.isQuiet()
  })

  it('takes data that comes with SYN, ACK', () => {
    const talk = opening()
    talk.gets({ flags: 'SYN ACK', seq: 0, ack: 1, text: 'early' })
    expect(talk.reads()).toBe('early')
    talk.emits({ flags: 'ACK', ack: 6 })
  })

  it('is ended by abort without a word (RFC 9293 3.10.5)', () => {
    const talk = opening()
    talk.aborts()
    expect([talk.state, talk.failure]).toEqual(['CLOSED', 'aborted'])
    talk.isQuiet()
  })

  it('is ended by ICMP, which an established connection does not believe (RFC 5927 4)', () => {
    const talk = opening()
    talk.connection.unreachable(false)
    expect(talk.failure).toBe('unreachable')
    const established = Talk.established()
    established.connection.unreachable(false)
    expect(established.state).toBe('ESTABLISHED')
  })
})

describe('SYN-RECEIVED', () => {
  const half = (): Talk => {
    const talk = new Talk()
    talk.accepts()
    talk.emits({ flags: 'SYN ACK', seq: 0, ack: 1 })
    return talk
  }

  it('offers only what the peer has offered (RFC 7323 2.2, 3.2; RFC 2018 2)', () => {
    const talk = new Talk({ peerOptions: { sackPermitted: true } })
    talk.accepts()
    const { options } = talk.emits({ flags: 'SYN ACK', mss: 1460, sackPermitted: true })
    expect([options.windowScale, options.timestamp]).toEqual([undefined, undefined])
  })

  it('answers SYN again when it comes again: our answer was lost', () => {
    const talk = half()
    talk.gets({ flags: 'SYN', seq: 0, mss: 1460 })
    talk.emits({ flags: 'SYN ACK', seq: 0, ack: 1 })
    talk.gets({ flags: 'ACK', seq: 1, ack: 1 })
    expect(talk.state).toBe('ESTABLISHED')
  })

  it('sends SYN, ACK again by itself', () => {
    const talk = half()
    talk.passes(1_000)
    talk.emits({ flags: 'SYN ACK', seq: 0, ack: 1 })
  })

  it('resets an ACK of something else, and stays (RFC 9293 3.10.7.4, fifth)', () => {
    const talk = half()
    talk.gets({ flags: 'ACK', seq: 1, ack: 2 })
    talk.emits({ flags: 'RST', seq: 2 })
    expect(talk.state).toBe('SYN-RECEIVED')
  })

  it('is over after RST (RFC 9293 3.10.7.4, second)', () => {
    const talk = half()
    talk.gets({ flags: 'RST', seq: 1 })
    expect([talk.state, talk.failure]).toEqual(['CLOSED', 'reset'])
  })

  it('takes data and FIN of the segment that completes it', () => {
    const talk = half()
    talk.gets({ flags: 'FIN ACK', seq: 1, ack: 1, text: 'one shot' })
    expect(talk.reads()).toBe('one shot')
    expect(talk.state).toBe('CLOSE-WAIT')
    talk.emits({ flags: 'ACK', ack: 10 })
  })

  it('resets the peer when it is aborted', () => {
    const talk = half()
    talk.aborts()
    talk.emits({ flags: 'RST ACK', seq: 1, ack: 1 })
    expect(talk.state).toBe('CLOSED')
  })
})
