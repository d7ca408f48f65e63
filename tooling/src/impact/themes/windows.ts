import { expect } from 'vitest'
import { until, type Lab } from '../lab.ts'
import type { TcpPeer } from '../tcp-peer.ts'
import type { Theme } from '../theme.ts'
import { established, fillWindow } from './established.ts'

const windowShrink: Theme = {
  name: 'tcp_window_shrink',
  cases: [
    {
      title: 'a window that shrinks over what is in flight loses nothing',
      async run(lab) {
        const { peer, socket } = await established(lab, { window: 2_000, options: { mss: 1_000 } })
        const sent = 'abcdefghij'.repeat(400)
        socket.send(sent)
        await peer.hears(2_000)
        // The first half has come; of the second there is no room any more.
        peer.sends({ ack: 1_001, window: 0 })
        await peer.everything(50)
        peer.sends({ ack: 1_001, window: 4_000 })
        peer.deviceNext = 1_001
        let heard = sent.slice(0, 1_000)
        while (heard.length < sent.length) {
          heard += await peer.hears(1, 5_000)
          peer.sends({ ack: heard.length + 1, window: 4_000 })
          peer.deviceNext = heard.length + 1
        }
        expect(heard).toBe(sent)
      },
    },
  ],
}

const zeroReceiveWindow: Theme = {
  name: 'tcp_zero_receive_window',
  cases: [
    {
      title: 'the window closes as nobody reads, probes are answered, and reading opens it',
      options: { receiveBufferBytes: 20_000 },
      async run(lab) {
        const { peer, socket } = await established(lab)
        const sent = await fillWindow(peer)
        await lab.passes(600)
        peer.sends({ seq: sent })
        await peer.eventuallyEmits({ flags: 'ACK', ack: sent + 1, window: 0 })
        await until(lab, () => {
          void socket.read()
          return socket.heard.length >= sent
        })
        const update = await until(lab, async () => undefined, 1).then(() => peer.nextLine(1_000))
        expect(update?.ack).toBe(sent + 1)
        expect(update?.window).toBeGreaterThan(0)
      },
    },
    {
      title: 'a closed window takes an ACK, and a reset (MUST-66)',
      options: { receiveBufferBytes: 20_000 },
      async run(lab) {
        const { peer, socket } = await established(lab)
        socket.send('mine')
        await peer.hears(4)
        const sent = await fillWindow(peer)
        peer.sends({ ack: 5 })
        await peer.isQuiet(lab.kind === 'stack' ? 5_000 : 700)
        peer.sends({ flags: 'RST', seq: sent + 1 })
        expect(await until(lab, () => socket.failure)).toBe('reset')
      },
    },
  ],
}

/** A device with something to say, and no room at the peer. */
async function closedWindow(lab: Lab) {
  const { peer, socket } = await established(lab)
  peer.sends({ window: 0 })
  await lab.passes(20)
  socket.send('waiting')
  return { peer, socket }
}

/** There is room again, and what waited goes. */
async function opensAgain(peer: TcpPeer): Promise<void> {
  peer.sends({ window: 1_000 })
  await peer.eventuallyEmits({ seq: 1, text: 'waiting' })
}

const zeroWindowProbe: Theme = {
  name: 'tcp_zero_window_probe',
  cases: [
    {
      title: 'a closed window is asked about, and what waits goes when it opens',
      async run(lab) {
        const { peer } = await closedWindow(lab)
        const probe = await peer.nextLine(3_000)
        // Nothing new may go: both ask with a number from before.
        expect(probe).toMatchObject({ flags: 'ACK', seq: 0, text: '' })
        peer.sends({ window: 0 })
        await opensAgain(peer)
      },
    },
  ],
}

const probeRetransmit: Theme = {
  name: 'tcp_zero_window_probe_retransmit',
  cases: [
    {
      title: 'probes go on as long as they are answered, ever more seldom, and the connection stays',
      async run(lab) {
        const { peer, socket } = await closedWindow(lab)
        const times: number[] = [lab.now]
        for (let probes = 0; probes < (lab.kind === 'stack' ? 12 : 4); probes += 1) {
          await peer.emits({ flags: 'ACK', seq: 0 }, 200_000)
          times.push(lab.now)
          peer.sends({ window: 0 })
        }
        const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0))
        if (lab.kind === 'stack') expect(gaps.slice(1, 4).map((gap, at) => Math.round(gap / (gaps[at] ?? 1)))).toEqual([2, 2, 2])
        expect(socket.failure).toBeUndefined()
        await opensAgain(peer)
      },
    },
  ],
}

const probeTimeout: Theme = {
  name: 'tcp_zero_window_probe_usertimeout',
  cases: [
    {
      title: 'a peer who has closed his window and answers no probe is given up',
      options: { userTimeout: 1_500 },
      async run(lab) {
        const { peer, socket } = await closedWindow(lab)
        await peer.emits({ flags: 'ACK', seq: 0 }, 3_000)
        expect(await until(lab, () => socket.failure, 10_000)).toBe('timeout')
        await peer.everything(10)
        peer.sends({ window: 1_000 })
        await peer.emits({ flags: 'RST', seq: 1 })
      },
    },
  ],
}

export const windowThemes: readonly Theme[] = [windowShrink, zeroReceiveWindow, zeroWindowProbe, probeRetransmit, probeTimeout]
