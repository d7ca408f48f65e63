import { expect } from 'vitest'
import { accepted, until, type DeviceOptions, type Lab } from '../lab.ts'
import { TcpPeer, type TcpPeerOptions } from '../tcp-peer.ts'
import type { Case, Theme } from '../theme.ts'

/** A connection that the peer has opened. */
export async function established(lab: Lab, options: Partial<TcpPeerOptions> = {}) {
  const listener = lab.device.listen(lab.port)
  const peer = new TcpPeer(lab, { port: lab.port, ...options })
  await peer.opens()
  const socket = await accepted(lab, listener)
  return { peer, socket, listener }
}

const full = 1460

/** Segments that lie elsewhere, and what an answer to them is. */
const outside: readonly (readonly [what: string, line: Parameters<TcpPeer['sends']>[0], answered: boolean])[] = [
  ['data beyond the window', { seq: 10_000_000, text: 'beyond' }, true],
  ['an empty segment beyond the window', { seq: 10_000_000 }, true],
  ['FIN beyond the window', { flags: 'FIN ACK', seq: 10_000_000 }, true],
  ['data that came before', { seq: -100, text: 'long ago' }, true],
  ['SYN beyond the window', { flags: 'SYN', seq: 10_000_000 }, true],
  ['RST beyond the window', { flags: 'RST', seq: 10_000_000 }, false],
]

const outsideTheWindow: Theme = {
  name: 'tcp_outside_the_window',
  cases: outside.map(([what, line, answered]) => ({
    title: `${what} is ${answered ? 'answered with what is expected' : 'not answered'}, and not taken`,
    async run(lab: Lab) {
      const { peer, socket } = await established(lab)
      peer.sends(line)
      if (answered) await peer.emits({ flags: 'ACK', seq: 1, ack: 1, text: '' })
      await peer.isQuiet()
      await socket.read()
      expect([socket.heard, socket.ended, socket.failure]).toEqual(['', false, undefined])
      peer.sends({ seq: 1, text: 'alive' })
      await peer.eventuallyEmits({ ack: 6 })
    },
  })),
}

const unacceptable: Theme = {
  name: 'tcp_unacc_seq_ack',
  cases: [
    {
      title: 'ESTABLISHED: data with an ACK of what was not sent is not taken',
      async run(lab) {
        const { peer, socket } = await established(lab)
        peer.sends({ seq: 1, ack: 1_000, text: 'forged' })
        const answers = await peer.everything(100)
        // RFC 9293 3.10.7.4, fifth. Kernels of some years ago say nothing.
        if (lab.kind === 'stack') expect(answers).toHaveLength(1)
        for (const { flags, seq, ack } of answers) expect([flags, seq, ack]).toEqual(['ACK', 1, 1])
        await socket.read()
        expect(socket.heard).toBe('')
      },
    },
    {
      title: 'CLOSE-WAIT: an ACK of what was not sent, and a number out of place, are answered',
      async run(lab) {
        const { peer, socket } = await established(lab)
        peer.sends({ flags: 'FIN ACK' })
        await peer.eventuallyEmits({ flags: 'ACK', ack: 2 })
        peer.sends({ ack: 1_000 })
        await peer.emits({ flags: 'ACK', seq: 1, ack: 2 })
        await lab.passes(600)
        peer.sends({ seq: 1_000_000 })
        await peer.emits({ flags: 'ACK', seq: 1, ack: 2 })
        await socket.read()
        expect([socket.ended, socket.failure]).toEqual([true, undefined])
      },
    },
    {
      title: 'CLOSING and TIME-WAIT: a number out of place is answered, and ends nothing',
      async run(lab) {
        const { peer, socket } = await established(lab)
        socket.shutdown()
        await peer.emits({ flags: 'FIN ACK', seq: 1 })
        peer.sends({ flags: 'FIN ACK', ack: 1 })
        await peer.eventuallyEmits({ flags: 'ACK', seq: 2, ack: 2 })
        peer.sends({ seq: 1_000_000, ack: 1 })
        await peer.eventuallyEmits({ flags: 'ACK', seq: 2, ack: 2 })
        peer.sends({ seq: 2, ack: 2 })
        await lab.passes(600)
        peer.sends({ seq: 1_000_000, ack: 2, text: 'late' })
        await peer.eventuallyEmits({ flags: 'ACK', seq: 2, ack: 2 })
      },
    },
  ],
}

const paws: Theme = {
  name: 'tcp_paws_mechanism',
  cases: [
    {
      title: 'a segment with an older timestamp is answered and not taken, one in time is',
      async run(lab) {
        const { peer, socket } = await established(lab, { options: { timestamps: true } })
        const now = Math.floor(lab.now) + 5_000
        peer.sends({ text: 'one', time: now })
        await peer.eventuallyEmits({ ack: 4 })
        peer.sends({ seq: 4, text: 'old', time: now - 2_000 })
        await peer.emits({ flags: 'ACK', ack: 4 })
        peer.sends({ seq: 4, text: 'two', time: now + 1 })
        await peer.eventuallyEmits({ ack: 7 })
        await socket.read()
        expect(socket.heard).toBe('onetwo')
      },
    },
    {
      title: 'a reset needs no timestamp in time (RFC 7323 5.2)',
      async run(lab) {
        const { peer, socket } = await established(lab, { options: { timestamps: true } })
        peer.sends({ flags: 'RST', seq: 1 })
        expect(await until(lab, () => socket.failure)).toBe('reset')
      },
    },
  ],
}

const retransmits: Theme = {
  name: 'tcp_retransmits',
  cases: [
    {
      title: 'data that is not acknowledged comes again, each time later, and no more once it is',
      async run(lab) {
        const { peer, socket } = await established(lab)
        socket.send('listen!')
        const times: number[] = []
        for (let copies = 0; copies < 4; copies += 1) {
          await peer.emits({ seq: 1, text: 'listen!' }, 5_000)
          times.push(lab.now)
        }
        const [first = 0, second = 0, third = 0] = times.slice(1).map((time, at) => time - (times[at] ?? 0))
        // The time of a busy machine is no measure.
        if (lab.kind === 'stack') expect([Math.round(second / first), Math.round(third / second)]).toEqual([2, 2])
        peer.sends({ ack: 8 })
        await peer.isQuiet(lab.kind === 'stack' ? 60_000 : 1_900)
      },
    },
  ],
}

const rack: Theme = {
  name: 'tcp_rack',
  cases: [
    {
      title: 'a segment that SACK shows to be lost comes again without a timeout',
      async run(lab) {
        const { peer, socket } = await established(lab, { options: { mss: full, sackPermitted: true } })
        await measured(lab, peer, socket)
        socket.send('x'.repeat(5 * full))
        const from = peer.deviceNext
        await peer.hears(5 * full)
        const at = lab.now
        for (let segment = 2; segment <= 5; segment += 1) peer.sends({ ack: from, sack: [[from + full, from + segment * full]] })
        await peer.eventuallyEmits({ seq: from })
        if (lab.kind === 'stack') expect(lab.now - at).toBeLessThan(100)
      },
    },
    {
      title: 'the tail that nobody acknowledges is probed for: the last segment comes again, not the first',
      async run(lab) {
        const { peer, socket } = await established(lab, { options: { mss: full, sackPermitted: true } })
        await measured(lab, peer, socket)
        const from = peer.deviceNext
        socket.send('x'.repeat(3 * full))
        await peer.hears(3 * full)
        const probe = await peer.nextLine(3_000)
        expect(probe?.seq).toBe(from + 2 * full)
      },
    },
  ],
}

/** Lets the device measure the round trip, and leave the first doubt about it. */
async function measured(lab: Lab, peer: TcpPeer, socket: { send(data: string): void }): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    socket.send('ping')
    await peer.hears(4)
    await lab.passes(5)
    peer.sends({})
  }
}

const corkMss: Theme = {
  name: 'tcp_cork_mss',
  differs: 'We have no TCP_CORK. What it is about, full segments at once and the rest held back, both do with Nagle\'s algorithm.',
  cases: [
    {
      title: 'with Nagle full segments go at once, and the rest when all else is acknowledged',
      options: { nagle: true },
      async run(lab) {
        const { peer, socket } = await established(lab, { options: { mss: 1000 } })
        socket.send('a')
        await peer.emits({ seq: 1, text: 'a' })
        socket.send('b'.repeat(1500))
        await peer.emits({ seq: 2, text: 'b'.repeat(1000) })
        await peer.isQuiet(30)
        peer.sends({ ack: 1002 })
        await peer.emits({ seq: 1002, text: 'b'.repeat(500) })
      },
    },
  ],
}

const piggyback: Theme = {
  name: 'tcp_send_window_sizes_piggyback',
  cases: [500, full, 2 * full].map((window) => ({
    title: `data goes with the ACK of what came, and keeps to a window of ${window}`,
    async run(lab: Lab) {
      const { peer, socket } = await established(lab, { window })
      peer.sends({ text: 'question' })
      await until(lab, () => socket.opened)
      await lab.passes(10)
      await socket.read()
      expect(socket.heard).toBe('question')
      socket.send('x'.repeat(3 * full))
      const seen: number[] = []
      for (let bytes = 0; bytes < window; ) {
        const line = await peer.eventuallyEmits({ flags: 'ACK', ack: 9 })
        if (line.text !== '' && line.seq === 1 + bytes) bytes += line.text.length
        seen.push(line.seq + line.text.length)
      }
      expect(Math.max(...seen)).toBeLessThanOrEqual(1 + window)
    },
  })),
}

const receiveSpace: Theme = {
  name: 'tcp_rcv_buf_space',
  cases: [
    {
      title: 'what was offered is taken to the last byte, and what comes beyond is not',
      options: { receiveBufferBytes: 20_000 },
      async run(lab) {
        const { peer, socket } = await established(lab)
        const sent = await fillWindow(peer)
        peer.sends({ seq: sent + 1, text: 'too much' })
        await peer.eventuallyEmits({ ack: sent + 1 })
        let heard = ''
        await until(lab, () => {
          void socket.read()
          heard = socket.heard
          return heard.length >= sent
        })
        expect(heard).toBe('y'.repeat(sent))
      },
    },
  ],
}

/** Sends until the window is closed; returns how much that was. */
export async function fillWindow(peer: TcpPeer): Promise<number> {
  let last = { ack: 1, window: 0 }
  peer.sends({ text: 'y' })
  last = await peer.eventuallyEmits({ ack: 2 })
  while (last.window > 0) {
    const bytes = Math.min(full, last.window)
    peer.sends({ text: 'y'.repeat(bytes) })
    last = await peer.eventuallyEmits({ ack: last.ack + bytes })
  }
  return last.ack - 1
}

const userTimeout: Case & { readonly options: DeviceOptions } = {
  title: 'a peer that acknowledges nothing is given up after the time that the user gave; what it says then is reset',
  options: { userTimeout: 1_500 },
  async run(lab) {
    const { peer, socket } = await established(lab)
    socket.send('anybody there?')
    await peer.emits({ text: 'anybody there?' })
    expect(await until(lab, () => socket.failure, 8_000)).toBe('timeout')
    await peer.everything(10)
    peer.sends({ text: 'yes', ack: 15 })
    await peer.emits({ flags: 'RST', seq: 15 })
  },
}

const info: Theme = {
  name: 'tcp_info',
  differs: 'The kernel tells it by TCP_INFO, we by `tcpInfo(flow)`. The fields that both have agree.',
  cases: [
    {
      title: 'how a connection stands: the round trip is measured, a timeout leaves one segment and a longer timer',
      async run(lab) {
        const { peer, socket } = await established(lab)
        await measured(lab, peer, socket)
        const before = socket.info()
        expect(before).toMatchObject({ established: true, inLoss: false, roundTripMeasured: true })
        expect(before.windowSegments).toBeGreaterThanOrEqual(10)
        socket.send('lost')
        await peer.hears(4)
        await peer.emits({ text: 'lost' })
        const after = socket.info()
        expect(after).toMatchObject({ established: true, inLoss: true, windowSegments: 1 })
        expect(after.retransmissionTimeout).toBeGreaterThanOrEqual(2 * before.retransmissionTimeout)
        peer.sends({})
        // Without SACK the kernel trusts the peace only after an ACK of something newer.
        await measured(lab, peer, socket)
        await lab.passes(20)
        expect(socket.info().inLoss).toBe(false)
      },
    },
  ],
}

export const establishedThemes: readonly Theme[] = [
  outsideTheWindow,
  unacceptable,
  paws,
  retransmits,
  rack,
  corkMss,
  piggyback,
  receiveSpace,
  info,
  { name: 'tcp_user_timeout', cases: [userTimeout] },
]
