import { expect } from 'vitest'
import { icmpPacket } from '../datagram.ts'
import { accepted, present, until, type Lab } from '../lab.ts'
import { protocol } from '../packet.ts'
import { TcpPeer } from '../tcp-peer.ts'
import type { Theme } from '../theme.ts'

/** A device that connects, and the peer that hears its SYN. */
function connecting(lab: Lab, version: 4 | 6 = 4) {
  const port = lab.port
  const socket = lab.device.connect({ address: version === 4 ? lab.peer.v4 : lab.peer.v6, port })
  return { socket, port }
}

/** Finds the SYN without taking it, and gives a peer for the port that it was sent to. */
async function synOf(lab: Lab, version: 4 | 6 = 4) {
  const { socket, port } = connecting(lab, version)
  const peer = new TcpPeer(lab, { port: 0, ownPort: port, version })
  return { socket, peer }
}

const acceptableAck: Theme = {
  name: 'tcp_acceptable_ack_syn_rcvd',
  cases: [
    {
      title: 'SYN-RECEIVED: an ACK of what was not sent is reset, the right one opens',
      async run(lab) {
        const listener = lab.device.listen(lab.port)
        const peer = new TcpPeer(lab, { port: lab.port })
        peer.sendsSyn()
        await peer.emits({ flags: 'SYN ACK', ack: 1 })
        peer.sends({ ack: 77 })
        await peer.emits({ flags: 'RST', seq: 77 })
        peer.sends({ ack: 0 })
        await peer.emits({ flags: 'RST', seq: 0 })
        peer.sends({ ack: 1, text: 'hello' })
        const socket = await accepted(lab, listener)
        await peer.eventuallyEmits({ flags: 'ACK', ack: 6 })
        await socket.read()
        expect(socket.heard).toBe('hello')
      },
    },
  ],
}

const synReceivedReset: Theme = {
  name: 'tcp_synrcvd_reset',
  cases: [
    {
      title: 'SYN-RECEIVED: a reset ends it; the ACK that comes after is for nobody',
      async run(lab) {
        const listener = lab.device.listen(lab.port)
        const peer = new TcpPeer(lab, { port: lab.port })
        peer.sendsSyn()
        await peer.emits({ flags: 'SYN ACK' })
        peer.sends({ flags: 'RST', seq: 1 })
        await lab.passes(20)
        peer.sends({ ack: 1 })
        await peer.emits({ flags: 'RST', seq: 1 })
        expect(listener.accept()).toBeUndefined()
      },
    },
  ],
}

const synSentReset: Theme = {
  name: 'tcp_synsent_reset',
  cases: [
    {
      title: 'SYN-SENT: a reset with the right ACK refuses, one without does nothing',
      async run(lab) {
        const { socket, peer } = await synOf(lab)
        await peer.emits({ flags: 'SYN', seq: 0 })
        peer.sends({ flags: 'RST', seq: 0 })
        peer.sends({ flags: 'RST ACK', seq: 0, ack: 9 })
        await lab.passes(50)
        expect(socket.failure).toBeUndefined()
        peer.sends({ flags: 'RST ACK', seq: 0, ack: 1 })
        expect(await until(lab, () => socket.failure)).toBe('refused')
      },
    },
    {
      title: 'SYN-SENT: after both have opened at once a reset ends it as well',
      async run(lab) {
        const { socket, peer } = await synOf(lab)
        await peer.emits({ flags: 'SYN', seq: 0 })
        peer.sendsSyn()
        await peer.emits({ flags: 'SYN ACK', seq: 0, ack: 1 })
        peer.sends({ flags: 'RST', seq: 1 })
        // The kernel calls it a reset, we a refusal: to the program nobody has ever been there.
        expect(await until(lab, () => socket.failure)).toBe(lab.kind === 'kernel' ? 'reset' : 'refused')
        peer.sends({ seq: 1, ack: 1 })
        await peer.emits({ flags: 'RST', seq: 1 })
      },
    },
  ],
}

const handshakeWindow: Theme = {
  name: 'tcp_handshake_window_size',
  cases: [
    {
      title: 'the window of the handshake holds: no more than that is sent',
      async run(lab) {
        const listener = lab.device.listen(lab.port)
        const peer = new TcpPeer(lab, { port: lab.port, window: 100 })
        await peer.opens()
        const socket = await accepted(lab, listener)
        socket.send('x'.repeat(500))
        await peer.hears(100)
        const more = await peer.everything(50)
        expect(more.filter(({ seq, text }) => seq + text.length > 101)).toEqual([])
      },
    },
  ],
}

const queueInSynSent: Theme = {
  name: 'tcp_queue_send_recv_in_syn_sent',
  cases: [
    {
      title: 'SYN-SENT: what is sent waits for the handshake, and what comes is read after it',
      async run(lab) {
        const { socket, peer } = await synOf(lab)
        socket.send('sent early')
        const syn = await peer.emits({ flags: 'SYN', seq: 0 })
        expect(syn.text).toBe('')
        await lab.passes(50)
        peer.sends({ flags: 'SYN ACK', seq: 0, ack: 1, mss: 1460 })
        await until(lab, () => socket.opened)
        await peer.eventuallyEmits({ seq: 1, text: 'sent early' })
        peer.sends({ text: 'answer' })
        await peer.eventuallyEmits({ flags: 'ACK', ack: 7 })
        await socket.read()
        expect(socket.heard).toBe('answer')
      },
    },
    {
      title: 'SYN-SENT: where the peer refuses, what was sent is lost with the connection',
      async run(lab) {
        const { socket, peer } = await synOf(lab)
        socket.send('sent early')
        await peer.emits({ flags: 'SYN', seq: 0 })
        peer.sends({ flags: 'RST ACK', seq: 0, ack: 1 })
        expect(await until(lab, () => socket.failure)).toBe('refused')
        await peer.isQuiet()
      },
    },
  ],
}

const connectIcmp: Theme = {
  name: 'tcp_connect_icmp_error',
  cases: [4, 6].map((version) => ({
    title: `SYN-SENT: ICMPv${version} "host unreachable" ends the attempt, if it quotes our SYN`,
    async run(lab: Lab) {
      const v = version as 4 | 6
      const { socket, peer } = await synOf(lab, v)
      const syn = present(await lab.peer.take((packet) => (packet.protocol === protocol.tcp ? packet : undefined)))
      const fields = v === 4 ? { from: lab.peer.v4, to: lab.device.v4, type: 3, code: 1 } : { from: lab.peer.v6, to: lab.device.v6, type: 1, code: 3 }
      const forged = syn.bytes.slice()
      // Another sequence number: whoever does not see our packets can only guess it.
      forged.set([(forged[v === 4 ? 24 : 44] ?? 0) ^ 0x55], v === 4 ? 24 : 44)
      lab.peer.sends(icmpPacket(fields, forged))
      await lab.passes(50)
      expect(socket.failure).toBeUndefined()
      lab.peer.sends(icmpPacket(fields, syn.bytes))
      expect(await until(lab, () => socket.failure)).toBe('unreachable')
      await peer.isQuiet(10)
    },
  })),
}

const networkUnreachable: Theme = {
  name: 'tcp_network_unreachable',
  differs: 'Our stack has one link and no routes: only what no connection can be made to is refused at once. The kernel also refuses what it has no route to.',
  cases: [
    {
      title: 'connect: an address that nobody can have fails at once, and no SYN goes out',
      async run(lab) {
        for (const address of lab.kind === 'kernel' ? ['224.0.0.9', '10.99.0.1'] : ['224.0.0.9', '255.255.255.255', 'ff02::9']) {
          let failed: unknown
          try {
            const socket = lab.device.connect({ address, port: 80 })
            failed = await until(lab, () => socket.failure, 50)
          } catch (error) {
            failed = error
          }
          expect(failed, address).toBeDefined()
        }
        expect(await lab.peer.take((packet) => packet.protocol === protocol.tcp || undefined, 20)).toBeUndefined()
      },
    },
  ],
}

const synCookie: Theme = {
  name: 'tcp_syncookie',
  cases: [
    {
      title: 'a flood of SYNs that nobody confirms leaves room for a connection that is meant',
      options: { backlog: 100 },
      async run(lab) {
        const listener = lab.device.listen(lab.port)
        for (let port = 30_000; port < 30_400; port += 1) new TcpPeer(lab, { port: lab.port, ownPort: port }).sendsSyn()
        const peer = new TcpPeer(lab, { port: lab.port })
        peer.sendsSyn()
        await peer.emits({ flags: 'SYN ACK', seq: 0, ack: 1 })
        peer.sends({})
        peer.sends({ text: 'meant' })
        const socket = await accepted(lab, listener)
        await peer.eventuallyEmits({ ack: 6 })
        await socket.read()
        expect(socket.heard).toBe('meant')
      },
    },
  ],
}

const listenBacklog: Theme = {
  name: 'tcp_listen_backlog',
  differs: 'The kernel answers SYNs, and drops them when connections that nobody accepts fill the queue. Ours answers none before the program accepts it, and drops those beyond `maxRequests`.',
  cases: [
    {
      title: 'SYNs beyond the backlog are dropped without a word, until somebody accepts',
      options: { backlog: 2, asks: true },
      async run(lab) {
        const listener = lab.device.listen(lab.port)
        const peers = Array.from({ length: 6 }, () => new TcpPeer(lab, { port: lab.port }))
        for (const peer of peers) {
          peer.sendsSyn()
          if (await peer.nextLine(30)) peer.sends({})
        }
        const last = present(peers.at(-1))
        last.sendsSyn()
        await last.isQuiet(50)
        for (let made = 0; listener.accept(); made += 1) expect(made).toBeLessThan(4)
        last.sendsSyn()
        await lab.passes(20)
        if (lab.kind === 'stack') await accepted(lab, listener)
        await last.eventuallyEmits({ flags: 'SYN ACK', ack: 1 }, 4_000)
      },
    },
  ],
}

const closeUnaccepted: Theme = {
  name: 'tcp_noaccept_close_rst',
  cases: [
    {
      title: 'connections that nobody has accepted are reset with their listener',
      async run(lab) {
        const listener = lab.device.listen(lab.port)
        const peer = new TcpPeer(lab, { port: lab.port })
        await peer.opens()
        await lab.passes(50)
        listener.close()
        await peer.eventuallyEmits({ flags: 'RST ACK', seq: 1, ack: 1 })
        peer.sendsSyn()
        await peer.emits({ flags: 'RST ACK', ack: 1 })
      },
    },
  ],
}

export const handshakeThemes: readonly Theme[] = [
  acceptableAck,
  synReceivedReset,
  synSentReset,
  handshakeWindow,
  queueInSynSent,
  connectIcmp,
  networkUnreachable,
  synCookie,
  listenBacklog,
  closeUnaccepted,
]
