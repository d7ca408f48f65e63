import { expect } from 'vitest'
import { until, type Lab } from '../lab.ts'
import type { Theme } from '../theme.ts'
import { established } from './established.ts'

/** FIN-WAIT-1: the device has nothing more to say. With `close` it hears nothing more either. */
async function finSent(lab: Lab, by: 'shutdown' | 'close' = 'shutdown') {
  const { peer, socket } = await established(lab)
  socket[by]()
  await peer.emits({ flags: 'FIN ACK', seq: 1 })
  return { peer, socket }
}

const finWait2: Theme = {
  name: 'fin_wait2_timeout',
  differs: 'The kernel keeps a connection that its program has closed for a while (TCP_LINGER2). With us whoever gives a flow up resets it, so what comes is for nobody at once.',
  cases: [
    {
      title: 'FIN-WAIT-2: a half that was shut down waits, and what comes late is taken',
      async run(lab) {
        const { peer, socket } = await finSent(lab)
        peer.sends({})
        await lab.passes(lab.kind === 'stack' ? 600_000 : 2_500)
        peer.sends({ text: 'late' })
        await peer.eventuallyEmits({ flags: 'ACK', ack: 5 })
        await socket.read()
        expect(socket.heard).toBe('late')
      },
    },
    {
      title: 'FIN-WAIT-2: data for a connection that nobody holds any more is reset',
      options: { orphanTimeout: 1_000 },
      async run(lab) {
        const { peer } = await finSent(lab, 'close')
        peer.sends({})
        await lab.passes(2_500)
        peer.sends({ text: 'late' })
        const { flags } = await peer.eventuallyEmits({ seq: 2 })
        expect(flags).toContain('RST')
      },
    },
  ],
}

const finRetransmission: Theme = {
  name: 'tcp_fin_retransmission',
  cases: [
    {
      title: 'FIN-WAIT-1: FIN comes again until it is acknowledged',
      async run(lab) {
        const { peer, socket } = await established(lab)
        socket.send('bye')
        socket.shutdown()
        await peer.eventuallyEmits({ flags: 'FIN ACK' })
        peer.sends({ ack: 4 })
        await peer.eventuallyEmits({ flags: 'FIN ACK', seq: 4, text: '' })
        await peer.eventuallyEmits({ flags: 'FIN ACK', seq: 4, text: '' })
        peer.sends({ ack: 5 })
        await peer.isQuiet(lab.kind === 'stack' ? 60_000 : 1_500)
      },
    },
    {
      title: 'LAST-ACK: FIN comes again until it is acknowledged, and then all is over',
      async run(lab) {
        const { peer, socket } = await established(lab)
        peer.sends({ flags: 'FIN ACK' })
        await peer.eventuallyEmits({ flags: 'ACK', ack: 2 })
        await socket.read()
        expect(socket.ended).toBe(true)
        socket.shutdown()
        await peer.emits({ flags: 'FIN ACK', seq: 1, ack: 2 })
        await peer.emits({ flags: 'FIN ACK', seq: 1, ack: 2 })
        peer.sends({ ack: 2 })
        await lab.passes(20)
        await peer.everything(5)
        peer.sends({ ack: 2 })
        await peer.emits({ flags: 'RST', seq: 2 })
      },
    },
  ],
}

const linger: Theme = {
  name: 'tcp_linger',
  differs: 'The kernel has SO_LINGER; a flow has `reset` and `end`. Waiting in close for the peer is not ours: nothing of us waits.',
  cases: [
    {
      title: 'given up, a connection is reset with the next number, whatever waits',
      async run(lab) {
        const { peer, socket } = await established(lab)
        socket.send('unacknowledged')
        await peer.hears(14)
        socket.abort()
        await peer.emits({ flags: 'RST ACK', seq: 15, ack: 1 })
        await peer.isQuiet(lab.kind === 'stack' ? 5_000 : 400)
      },
    },
    {
      title: 'closed while something was unread, it is reset: what came is lost (SHLD-3)',
      async run(lab) {
        const { peer, socket } = await established(lab)
        peer.sends({ text: 'unread' })
        await peer.eventuallyEmits({ ack: 7 })
        socket.close()
        const last = await peer.nextLine()
        expect(last?.flags).toContain('RST')
      },
    },
    {
      title: 'closed in order, all that was sent goes first, then FIN',
      async run(lab) {
        const { peer, socket } = await established(lab)
        socket.send('x'.repeat(3_000))
        socket.close()
        await peer.hears(3_000)
        peer.sends({})
        if (peer.deviceNext === 3_001) await peer.eventuallyEmits({ flags: 'FIN ACK', seq: 3_001 })
        expect(peer.deviceNext).toBe(3_002)
      },
    },
  ],
}

const timeWaitReset: Theme = {
  name: 'tcp_timewait_reset',
  cases: [
    {
      title: 'TIME-WAIT: a FIN is acknowledged again; a reset with the next number ends it',
      async run(lab) {
        const { peer, socket } = await finSent(lab)
        peer.sends({ flags: 'FIN ACK', ack: 2 })
        await peer.eventuallyEmits({ flags: 'ACK', seq: 2, ack: 2 })
        await socket.read()
        expect(await until(lab, () => socket.ended)).toBe(true)
        await lab.passes(600)
        peer.sends({ flags: 'FIN ACK', seq: 1, ack: 2 })
        await peer.emits({ flags: 'ACK', seq: 2, ack: 2 })
        peer.sends({ flags: 'RST', seq: 2 })
        await lab.passes(20)
        peer.sends({ seq: 2, ack: 2 })
        await peer.emits({ flags: 'RST', seq: 2 })
        expect(socket.failure).toBeUndefined()
      },
    },
  ],
}

export const closingThemes: readonly Theme[] = [finWait2, finRetransmission, linger, timeWaitReset]
