import { describe, expect, it } from 'vitest'
import { letters, Talk, type TalkOptions } from './testing/talk.ts'

const agreed = (options: TalkOptions = {}): Talk => Talk.established({ synFlags: 'SYN ECE CWR', ...options })

describe('the agreement on ECN (RFC 3168 6.1.1)', () => {
  it('is made where the peer asks', () => {
    const talk = new Talk({ synFlags: 'SYN ECE CWR' })
    talk.accepts()
    talk.emits({ flags: 'SYN ACK ECE' })
  })

  it('is not made where the peer does not ask, asks by half, or we are told not to', () => {
    for (const options of [{}, { synFlags: 'SYN ECE' }, { synFlags: 'SYN ECE CWR', settings: { ecn: 'off' } }] as const) {
      const talk = new Talk(options)
      talk.accepts()
      talk.emits({ flags: 'SYN ACK' })
      talk.gets({ seq: 1, ack: 1 })
      talk.writes('x')
      expect(talk.takeSent()[0]?.capable).toBeUndefined()
    }
  })

  it('is asked for by us only if that is set, and once: some paths drop such SYNs (6.1.1.1)', () => {
    const quiet = new Talk()
    quiet.opens()
    quiet.emits({ flags: 'SYN' })
    const talk = new Talk({ settings: { ecn: 'ask' } })
    talk.opens()
    talk.emits({ flags: 'SYN ECE CWR' })
    talk.passes(1_000)
    talk.emits({ flags: 'SYN' })
  })

  it('needs an answer that is no mirror of what we said', () => {
    for (const [answer, capable] of [['SYN ACK ECE', true], ['SYN ACK ECE CWR', undefined], ['SYN ACK', undefined]] as const) {
      const talk = new Talk({ settings: { ecn: 'ask' } })
      talk.opens()
      talk.gets({ flags: answer, seq: 0, ack: 1, mss: 1460 })
      talk.ignoresSent()
      talk.writes('x')
      expect(talk.takeSent()[0]?.capable).toBe(capable)
    }
  })
})

describe('a packet that may be marked', () => {
  it('has new data: no ACK, no probe, and nothing that is sent again (6.1.4, 6.1.5)', () => {
    const talk = agreed()
    talk.gets({ seq: 1, ack: 1, text: 'data' })
    expect(talk.emits({ flags: 'ACK' })).toMatchObject({ capable: false })
    talk.writes('once')
    talk.emits({ text: 'once', capable: true })
    talk.passes(1_000)
    expect(talk.emits({ text: 'once' })).toMatchObject({ capable: false })
  })
})

describe('a mark', () => {
  it('is told in every ACK until the peer says that it heard (6.1.3)', () => {
    const talk = agreed()
    talk.gets({ seq: 1, ack: 1, text: 'a', marked: true })
    talk.emits({ flags: 'ACK ECE', ack: 2 })
    talk.gets({ seq: 2, ack: 1, text: 'b' })
    talk.emits({ flags: 'ACK ECE', ack: 3 })
    talk.writes('mine')
    talk.emits({ flags: 'ACK ECE', text: 'mine' })
    talk.gets({ flags: 'ACK CWR', seq: 3, ack: 5, text: 'c' })
    talk.emits({ flags: 'ACK', ack: 4 })
    talk.gets({ flags: 'ACK CWR', seq: 4, ack: 5, text: 'd', marked: true })
    talk.emits({ flags: 'ACK ECE', ack: 5 })
  })

  it('counts only on data, and only where it was agreed on', () => {
    const talk = agreed()
    talk.gets({ seq: 1, ack: 1, marked: true })
    talk.gets({ seq: 1, ack: 1, text: 'a' })
    talk.emits({ flags: 'ACK', ack: 2 })
    const other = Talk.established()
    other.gets({ seq: 1, ack: 1, text: 'a', marked: true })
    other.emits({ flags: 'ACK', ack: 2 })
  })

  it('of a packet of ours makes the window smaller, once for what was in flight, and the peer is told with the next new data (6.1.2)', () => {
    const talk = agreed()
    const windowBytes = (): number => talk.connection.info().congestionWindowBytes
    talk.writes(letters(14_600))
    talk.ignoresSent()
    const before = windowBytes()
    talk.gets({ flags: 'ACK ECE', seq: 1, ack: 1461 })
    const after = windowBytes()
    expect(after).toBeLessThan(0.75 * before)
    talk.gets({ flags: 'ACK ECE', seq: 1, ack: 2921 })
    talk.gets({ flags: 'ACK ECE', seq: 1, ack: 14_601 })
    expect(windowBytes()).toBeGreaterThanOrEqual(after)
    talk.writes(letters(200))
    talk.emits({ flags: 'ACK CWR', seq: 14_601 })
    talk.writes(letters(200))
    talk.emits({ flags: 'ACK', seq: 14_801 })
    talk.gets({ flags: 'ACK ECE', seq: 1, ack: 15_001 })
    expect(windowBytes()).toBeLessThan(after)
  })

  it('and a loss among the same packets are one sign of congestion, which nothing takes back', () => {
    const talk = agreed({ peerOptions: { sackPermitted: true } })
    talk.writes(letters(14_600))
    talk.ignoresSent()
    talk.gets({ flags: 'ACK ECE', seq: 1, ack: 1461 })
    const { slowStartThresholdBytes } = talk.connection.info()
    talk.gets({ seq: 1, ack: 1461, sack: [[2921, 14_601]] })
    talk.passes(50)
    expect(talk.connection.info()).toMatchObject({ recovery: 'fast', slowStartThresholdBytes })
    talk.gets({ seq: 1, ack: 14_601 })
    talk.gets({ seq: 1, ack: 14_601, sack: [[1461, 2921]] })
    expect(talk.connection.info()).toMatchObject({ recovery: 'open', slowStartThresholdBytes })
  })

  it('is told after a loss too, for then the window was made smaller as well', () => {
    const talk = agreed()
    talk.writes('lost')
    talk.passes(1_000)
    talk.ignoresSent()
    talk.gets({ seq: 1, ack: 5 })
    talk.writes('next')
    talk.emits({ flags: 'ACK CWR', text: 'next' })
  })
})
