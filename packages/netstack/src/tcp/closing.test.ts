import { describe, expect, it } from 'vitest'
import { Talk } from './testing/talk.ts'

const closing = (): Talk => {
  const talk = Talk.established()
  talk.closes()
  talk.emits({ flags: 'FIN ACK', seq: 1, ack: 1 })
  expect(talk.state).toBe('FIN-WAIT-1')
  return talk
}

describe('FIN-WAIT-1', () => {
  it('keeps delivering data after our FIN (RFC 9293 3.6 case 1, MUST-13)', () => {
    const talk = closing()
    talk.gets({ seq: 1, ack: 2, text: 'late' })
    expect(talk.state).toBe('FIN-WAIT-2')
    expect(talk.reads()).toBe('late')
  })

  it('closes with a peer who closes at the same time (RFC 9293 3.6 case 3)', () => {
    const talk = closing()
    talk.gets({ flags: 'FIN ACK', seq: 1, ack: 1 })
    expect(talk.state).toBe('CLOSING')
    talk.emits({ flags: 'ACK', seq: 2, ack: 2 })
    talk.gets({ seq: 2, ack: 2 })
    expect(talk.state).toBe('TIME-WAIT')
  })

  it('goes straight to TIME-WAIT when one segment has both', () => {
    const talk = closing()
    talk.gets({ flags: 'FIN ACK', seq: 1, ack: 2 })
    expect(talk.state).toBe('TIME-WAIT')
    talk.emits({ flags: 'ACK', seq: 2, ack: 2 })
  })

  it('sends FIN again', () => {
    const talk = closing()
    talk.passes(1_000)
    talk.emits({ flags: 'FIN ACK', seq: 1, ack: 1 })
  })

  it('takes data that comes after a FIN that came too early (out of order)', () => {
    const talk = closing()
    talk.gets({ flags: 'FIN ACK', seq: 6, ack: 2, text: 'world' })
    expect(talk.state).toBe('FIN-WAIT-2')
    talk.emits({ flags: 'ACK', ack: 1 })
    talk.gets({ seq: 1, ack: 2, text: 'hello' })
    expect(talk.state).toBe('TIME-WAIT')
    expect(talk.reads()).toBe('helloworld')
    talk.emits({ flags: 'ACK', ack: 12 })
  })
})

describe('FIN-WAIT-2', () => {
  it('stays as long as the peer has something to say', () => {
    const talk = closing()
    talk.gets({ seq: 1, ack: 2 })
    talk.passes(3_600_000)
    expect(talk.state).toBe('FIN-WAIT-2')
    talk.gets({ seq: 1, ack: 2, text: 'still here' })
    expect(talk.reads()).toBe('still here')
  })
})

describe('CLOSE-WAIT and LAST-ACK', () => {
  it('sends after the peer has ended, and ends when its FIN is acknowledged', () => {
    const talk = Talk.established()
    talk.gets({ flags: 'FIN ACK', seq: 1, ack: 1 })
    expect(talk.state).toBe('CLOSE-WAIT')
    talk.emits({ flags: 'ACK', ack: 2 })
    talk.writes('last words')
    talk.emits({ seq: 1, ack: 2, text: 'last words' })
    talk.closes()
    talk.emits({ flags: 'FIN ACK', seq: 11, ack: 2 })
    expect(talk.state).toBe('LAST-ACK')
    talk.gets({ seq: 2, ack: 12 })
    expect([talk.state, talk.failure, talk.connection.finished]).toEqual(['CLOSED', undefined, true])
    expect(talk.connection.nextWake()).toBe(Number.POSITIVE_INFINITY)
  })

  it('puts FIN on the last data', () => {
    const talk = Talk.established()
    talk.connection.write(new TextEncoder().encode('bye'), undefined)
    talk.closes()
    talk.emits({ flags: 'FIN ACK', seq: 1, text: 'bye' })
    talk.gets({ seq: 1, ack: 5 })
    expect(talk.state).toBe('FIN-WAIT-2')
  })

  it('says nothing to data after the FIN of the peer but what it expects', () => {
    const talk = Talk.established()
    talk.gets({ flags: 'FIN ACK', seq: 1, ack: 1 })
    talk.ignoresSent()
    talk.gets({ seq: 2, ack: 1, text: 'impossible' })
    talk.emits({ flags: 'ACK', ack: 2 })
    expect(talk.reads()).toBe('')
  })
})

describe('TIME-WAIT', () => {
  const waiting = (options?: ConstructorParameters<typeof Talk>[0]): Talk => {
    const talk = Talk.established(options)
    talk.closes()
    talk.gets({ flags: 'FIN ACK', seq: 1, ack: 2, ...(options?.peerOptions?.time !== undefined && { time: 10 }) })
    talk.ignoresSent()
    return talk
  }

  it('lasts twice the life of a segment, and a FIN that comes again begins it anew (RFC 9293 3.10.7.4, MUST-13)', () => {
    const talk = waiting()
    talk.passes(59_000)
    talk.gets({ flags: 'FIN ACK', seq: 1, ack: 2 })
    talk.emits({ flags: 'ACK', seq: 2, ack: 2 })
    talk.passes(59_000)
    expect(talk.state).toBe('TIME-WAIT')
    talk.passes(1_000)
    expect([talk.state, talk.failure]).toEqual(['CLOSED', undefined])
  })

  it('yields to a SYN whose number lies beyond (RFC 9293 3.10.7.4) or whose time is later (RFC 6191)', () => {
    const syn = (seq: number, time?: number) => ({
      sourcePort: 5000,
      destinationPort: 80,
      seq: (0xffff_ff80 + seq) | 0,
      ack: 0,
      flags: 0x02,
      window: 1000,
      payload: new Uint8Array(0),
      options: { mss: undefined, windowScale: undefined, sackPermitted: false, sack: [], timestamp: time === undefined ? undefined : { value: time, echo: 0 } },
    })
    const plain = waiting().connection
    expect([plain.yieldsTo(syn(100) as never), plain.yieldsTo(syn(2) as never)]).toEqual([true, false])
    const stamped = waiting({ peerOptions: { time: 10 } }).connection
    expect([stamped.yieldsTo(syn(0, 11) as never), stamped.yieldsTo(syn(100, 10) as never)]).toEqual([true, false])
    expect(Talk.established().connection.yieldsTo(syn(100) as never)).toBe(false)
  })
})

describe('abort', () => {
  it('resets the peer with the next number (RFC 9293 3.10.5), and drops what waits', () => {
    const talk = Talk.established()
    talk.writes('unheard')
    talk.ignoresSent()
    talk.gets({ seq: 1, ack: 1, text: 'unread' })
    talk.ignoresSent()
    talk.aborts()
    talk.emits({ flags: 'RST ACK', seq: 8, ack: 7 })
    expect([talk.state, talk.failure, talk.connection.unsentBytes, talk.connection.readableBytes]).toEqual(['CLOSED', 'aborted', 0, 0])
    talk.passes(100_000)
    talk.isQuiet()
  })

  it('waits for a device that takes nothing, without spinning', () => {
    const talk = Talk.established()
    talk.open = false
    talk.aborts()
    expect(talk.connection.nextWake()).toBe(talk.now + 1)
    talk.open = true
    talk.passes(1)
    talk.emits({ flags: 'RST ACK', seq: 1 })
  })
})
