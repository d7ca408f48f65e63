import { expect } from 'vitest'
import { icmpPacket } from '../datagram.ts'
import { accepted, present, until, type Lab } from '../lab.ts'
import { protocol } from '../packet.ts'
import { segmentPacket } from '../segment.ts'
import { TcpPeer } from '../tcp-peer.ts'
import type { Theme } from '../theme.ts'
import { established } from './established.ts'

const sizes: Theme = {
  name: 'segment sizes',
  cases: [
    ...([4, 6] as const).map((version) => ({
      title: `over IPv${version} the MSS is what the link can carry, and a peer that names none gets the default of its version (MUST-14, MUST-15, MUST-67, SHLD-5)`,
      async run(lab: Lab) {
        const listener = lab.device.listen(lab.port)
        const peer = new TcpPeer(lab, { port: lab.port, version })
        peer.sends({ flags: 'SYN', seq: 0, ack: 0 })
        expect((await peer.emits({ flags: 'SYN ACK' })).mss).toBe(version === 4 ? 1460 : 1440)
        peer.sends({ seq: 1 })
        const socket = await accepted(lab, listener)
        socket.send('x'.repeat(3_000))
        expect(present(await peer.nextLine()).text).toHaveLength(version === 4 ? 536 : 1220)
      },
    })),
  ],
}

const nobody: Theme = {
  name: 'addresses that are no host',
  cases: [
    {
      title: 'a SYN to a group, or from an address that no host has, is dropped without a word (MUST-57, MUST-63)',
      async run(lab) {
        lab.device.listen(lab.port)
        const syn = { fromPort: 9, toPort: lab.port, flags: 'SYN', seq: 1, ack: 0, window: 1_000 }
        for (const to of ['224.0.0.1', '255.255.255.255', 'ff02::1']) lab.peer.sends(segmentPacket({ ...syn, from: to.includes(':') ? lab.peer.v6 : lab.peer.v4, to }))
        for (const from of ['224.0.0.1', '255.255.255.255', '127.0.0.1']) lab.peer.sends(segmentPacket({ ...syn, from, to: lab.device.v4 }))
        expect(await lab.peer.nextSegment(9, 100)).toBeUndefined()
      },
    },
    {
      title: 'a segment with a wrong sum is dropped without a word (MUST-3)',
      async run(lab) {
        lab.device.listen(lab.port)
        const peer = new TcpPeer(lab, { port: lab.port })
        peer.sends({ flags: 'SYN', seq: 0, ack: 0, corrupt: true })
        await peer.isQuiet(50)
      },
    },
  ],
}

const softErrors: Theme = {
  name: 'ICMP errors about a connection',
  cases: [
    {
      title: 'none ends a connection that is made, not even a hard one: anybody could send it (MUST-55, MUST-56; RFC 5927 4)',
      async run(lab) {
        const { peer, socket } = await established(lab)
        socket.send('data')
        const sent = present(await lab.peer.take((packet) => (packet.protocol === protocol.tcp ? packet : undefined)))
        for (const [type, code] of [[3, 0], [3, 1], [3, 5], [3, 2], [3, 3], [4, 0], [11, 0], [12, 0]] as const) {
          lab.peer.sends(icmpPacket({ from: lab.peer.v4, to: lab.device.v4, type, code }, sent.bytes))
        }
        await lab.passes(30)
        peer.sends({ ack: 5, text: 'still here' })
        await peer.eventuallyEmits({ ack: 11 })
        await socket.read()
        expect([socket.heard, socket.failure]).toEqual(['still here', undefined])
      },
    },
  ],
}

const ecn: Theme = {
  name: 'ECN',
  cases: [
    {
      title: 'is agreed on where it is asked for; marks are told until the peer has heard, and heeded (SHLD-8)',
      async run(lab) {
        const listener = lab.device.listen(lab.port)
        const peer = new TcpPeer(lab, { port: lab.port })
        peer.sends({ flags: 'SYN ECE CWR', seq: 0, ack: 0, mss: 1460 })
        await peer.emits({ flags: 'SYN ACK ECE', ack: 1 })
        peer.sends({ seq: 1 })
        const socket = await accepted(lab, listener)
        peer.sends({ text: 'marked', trafficClass: 3 })
        await peer.eventuallyEmits({ flags: 'ACK ECE', ack: 7 })
        peer.sends({ text: 'again', trafficClass: 2 })
        await peer.eventuallyEmits({ flags: 'ACK ECE', ack: 12 })
        peer.sends({ flags: 'ACK CWR', text: 'heard', trafficClass: 2 })
        await peer.eventuallyEmits({ flags: 'ACK', ack: 17 })
        socket.send('mine')
        const data = present(await lab.peer.take((packet) => (packet.protocol === protocol.tcp ? packet : undefined)))
        expect(data.trafficClass & 3).toBe(2)
        peer.sends({ flags: 'ACK ECE', ack: 5 })
        await until(lab, () => undefined, 10)
        peer.deviceNext = 5
        socket.send('slower')
        await peer.emits({ flags: 'ACK CWR', seq: 5, text: 'slower' })
      },
    },
    {
      title: 'is not agreed on where it is not asked for, and no packet may be marked then',
      async run(lab) {
        const { peer, socket } = await established(lab)
        socket.send('mine')
        const data = present(await lab.peer.take((packet) => (packet.protocol === protocol.tcp ? packet : undefined)))
        expect(data.trafficClass & 3).toBe(0)
        peer.sends({ ack: 5, text: 'marked by mistake', trafficClass: 3 })
        await peer.eventuallyEmits({ flags: 'ACK', ack: 18 })
      },
    },
  ],
}

/** Requirements of RFC 9293 that need whole packets; they are no themes of packetimpact. */
export const requirementThemes: readonly Theme[] = [sizes, nobody, softErrors, ecn]
