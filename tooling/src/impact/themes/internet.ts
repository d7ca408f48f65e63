import { expect } from 'vitest'
import { datagramBytes, datagramPacket, icmpBytes, icmpPacket, icmpProtocol, seeIcmp } from '../datagram.ts'
import { present, type Lab } from '../lab.ts'
import { fragment, fragmentHeader, fragments, packet, protocol, u16, type PacketFields } from '../packet.ts'
import type { Theme } from '../theme.ts'

const versions = [4, 6] as const
const echo = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const
const name = [0x12, 0x34, 0, 7] as const

const ends = (lab: Lab, version: 4 | 6) => (version === 4 ? { from: lab.peer.v4, to: lab.device.v4 } : { from: lab.peer.v6, to: lab.device.v6 })
const filled = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255)

/** A ping, in one packet or as the payload of many. */
function ping(lab: Lab, version: 4 | 6, data: Uint8Array) {
  const fields: PacketFields = { ...ends(lab, version), protocol: icmpProtocol(ends(lab, version).from) }
  return { fields, payload: icmpBytes({ ...fields, type: echo[version].request, rest: name }, data) }
}

/** What a ping is answered with, put together if it comes in pieces. */
async function answer(lab: Lab, version: 4 | 6, within?: number): Promise<Uint8Array | undefined> {
  const whole = await lab.peer.wholePacket(icmpProtocol(ends(lab, version).from), within)
  if (!whole) return undefined
  const { from, to } = ends(lab, version)
  const { type, rest, data } = seeIcmp({ version, from: to, to: from, payload: whole.payload })
  expect([type, [...rest]]).toEqual([echo[version].reply, [...name]])
  return data
}

const echoThemes: readonly Theme[] = versions.map((version) => ({
  name: `icmpv${version}_socket_send_recv`,
  differs: 'Programs have no raw ICMP sockets with us. What the other end of such a socket sees is the same: its requests are answered, by the stack itself.',
  cases: [
    {
      title: `ICMPv${version} echo requests are answered with their data, a wrong sum is not`,
      async run(lab: Lab) {
        for (const length of [0, 1, 56, 1_400]) {
          const { fields, payload } = ping(lab, version, filled(length))
          lab.peer.sends(packet(fields, payload))
          expect(await answer(lab, version)).toEqual(filled(length))
        }
        const { fields, payload } = ping(lab, version, filled(8))
        payload.set([1], 8)
        lab.peer.sends(packet(fields, payload))
        expect(await answer(lab, version, 50)).toBeUndefined()
      },
    },
  ],
}))

const reassemblyThemes: readonly Theme[] = versions.map((version) => ({
  name: `ipv${version}_fragment_reassembly`,
  cases: [
    {
      title: `IPv${version} fragments are put together in any order, with copies, of any size`,
      async run(lab: Lab) {
        const data = filled(5_000)
        for (const [id, size] of [8, 800, 1_400].entries()) {
          const { fields, payload } = ping(lab, version, size === 8 ? data.subarray(0, 64) : data)
          const pieces = fragments(fields, payload, size, 100 + id)
          const mixed = [...pieces.filter((_, at) => at % 2 === 1).toReversed(), ...pieces.filter((_, at) => at % 2 === 0)]
          for (const piece of [present(mixed[0]), ...mixed]) lab.peer.sends(piece)
          expect(await answer(lab, version)).toEqual(size === 8 ? data.subarray(0, 64) : data)
        }
      },
    },
    {
      title: `IPv${version} fragments that overlap end the packet (RFC 5722)`,
      async run(lab: Lab) {
        const { fields, payload } = ping(lab, version, filled(80))
        const [first, second, third] = [payload.slice(0, 32), payload.slice(24, 64), payload.slice(64)]
        lab.peer.sends(fragment(fields, first, 0, true, 7))
        lab.peer.sends(fragment(fields, second, 24, true, 7))
        lab.peer.sends(fragment(fields, third, 64, false, 7))
        expect(await answer(lab, version, 100)).toBeUndefined()
      },
    },
  ],
}))

const idUniqueness: Theme = {
  name: 'ipv4_id_uniqueness',
  cases: [
    {
      title: 'fragments of one packet have one number, packets that may be fragmented never the same',
      async run(lab) {
        const sender = lab.device.bind(lab.port)
        const ids: number[] = []
        for (let round = 0; round < 5; round += 1) {
          sender.send(filled(3_000), { address: lab.peer.v4, port: 4_000 })
          const whole = await lab.peer.wholePacket(protocol.udp)
          expect(new Set(whole?.pieces.map(({ id }) => id)).size).toBe(1)
          expect(whole?.payload).toHaveLength(3_008)
          ids.push(whole?.pieces[0]?.id ?? 0)
        }
        expect(new Set(ids).size).toBe(5)
      },
    },
  ],
}

const fragmentErrors: Theme = {
  name: 'ipv6_fragment_icmp_error',
  cases: [
    {
      title: 'a packet that does not become whole is told of, if its first fragment came (RFC 8200 4.5)',
      async run(lab) {
        const { fields, payload } = ping(lab, 6, filled(100))
        lab.peer.sends(fragment(fields, payload.slice(64), 64, false, 1))
        const first = present(fragments(fields, payload, 64, 2)[0])
        lab.peer.sends(first)
        const told = await lab.peer.nextIcmp(lab.kind === 'kernel' ? 4_000 : 61_000)
        expect(told).toMatchObject({ type: 3, code: 1 })
        expect(told?.data.subarray(0, first.length)).toEqual(first)
        expect(await lab.peer.nextIcmp(lab.kind === 'kernel' ? 300 : 61_000)).toBeUndefined()
      },
    },
    {
      title: 'an ICMP error that does not become whole is not told of, or two hosts would argue (RFC 4443 2.4)',
      async run(lab) {
        const fields = { ...ends(lab, 6), protocol: protocol.icmp6 }
        const error = icmpBytes({ ...fields, type: 1, code: 4 }, filled(100))
        lab.peer.sends(fragment(fields, error.slice(0, 64), 0, true, 5))
        expect(await lab.peer.nextIcmp(lab.kind === 'kernel' ? 2_500 : 61_000)).toBeUndefined()
      },
    },
    {
      title: 'a piece that is off the grid, or would end beyond any packet, is told of with its place',
      async run(lab) {
        const { fields, payload } = ping(lab, 6, filled(100))
        lab.peer.sends(fragment(fields, payload.slice(0, 61), 0, true, 3))
        expect(await lab.peer.nextIcmp()).toMatchObject({ type: 4, code: 0, rest: Uint8Array.of(0, 0, 0, 4) })
        lab.peer.sends(fragment(fields, payload.slice(0, 64), 0xfff8, false, 4))
        expect(await lab.peer.nextIcmp()).toMatchObject({ type: 4, code: 0, rest: Uint8Array.of(0, 0, 0, 42) })
      },
    },
  ],
}

/** The two highest bits of an option say what is done by who does not know it (RFC 8200 4.2). */
const actions = [
  { option: 0x3f, what: 'passed over', taken: true, told: false },
  { option: 0x7f, what: 'a reason to drop the packet', taken: false, told: false },
  { option: 0xbf, what: 'a reason to drop the packet and to tell', taken: false, told: true },
  { option: 0xff, what: 'a reason to drop the packet and to tell, for it went to one host', taken: false, told: true },
] as const

const unknownOptions: Theme = {
  name: 'ipv6_unknown_options_action',
  cases: actions.map(({ option, what, taken, told }) => ({
    title: `an unknown option 0x${option.toString(16)} is ${what}`,
    async run(lab: Lab) {
      for (const header of [protocol.hopByHop, protocol.destinationOptions]) {
        const { fields, payload } = ping(lab, 6, filled(10))
        lab.peer.sends(packet({ ...fields, protocol: header }, Uint8Array.from([protocol.icmp6, 0, option, 4, 0, 0, 0, 0, ...payload])))
        const seen = await lab.peer.nextIcmp(taken || told ? 1_000 : 50)
        if (taken) expect(seen).toMatchObject({ type: echo[6].reply, data: filled(10) })
        else if (told) expect(seen).toMatchObject({ type: 4, code: 2, rest: Uint8Array.of(0, 0, 0, 42) })
        else expect(seen).toBeUndefined()
      }
    },
  })),
}

const paramProblem: Theme = {
  name: 'icmpv6_param_problem',
  cases: [
    {
      title: 'a next header that nobody knows is told of with its place, also behind other headers',
      async run(lab) {
        const fields = ends(lab, 6)
        lab.peer.sends(packet({ ...fields, protocol: 253 }, filled(16)))
        const told = await lab.peer.nextIcmp()
        expect(told).toMatchObject({ type: 4, code: 1, rest: Uint8Array.of(0, 0, 0, 6) })
        expect(told?.data.subarray(40)).toEqual(filled(16))
        lab.peer.sends(packet({ ...fields, protocol: protocol.fragment }, Uint8Array.from([...fragmentHeader(253, 0, false, 9), ...filled(16)])))
        expect(await lab.peer.nextIcmp()).toMatchObject({ type: 4, code: 1, rest: Uint8Array.of(0, 0, 0, 40) })
      },
    },
  ],
}

const anyAddress: Theme = {
  name: 'udp_any_addr_recv_unicast',
  cases: [
    {
      title: 'a socket for all addresses hears what comes to one of ours, of both versions',
      async run(lab) {
        const socket = lab.device.bind(lab.port)
        for (const version of versions) {
          const fields = { ...ends(lab, version), fromPort: 5, toPort: lab.port }
          lab.peer.sends(datagramPacket(fields, `over ${version}`))
          await lab.passes(10)
        }
        await socket.read()
        expect(socket.heard.map(({ data }) => new TextDecoder().decode(data))).toEqual(['over 4', 'over 6'])
      },
    },
  ],
}

const badSources: Theme = {
  name: 'udp_discard_mcast_source_addr',
  cases: [
    {
      title: 'datagrams from addresses that no host can have are dropped without a word',
      async run(lab) {
        const socket = lab.device.bind(lab.port)
        for (const from of ['224.0.0.1', '239.1.2.3', '255.255.255.255', '127.0.0.1', lab.device.v4, 'ff02::1', 'ff0e::7', '::1']) {
          const fields = { from, to: from.includes(':') ? lab.device.v6 : lab.device.v4, fromPort: 5, toPort: lab.port }
          lab.peer.sends(datagramPacket(fields, `from ${from}`))
        }
        const good = { ...ends(lab, 4), fromPort: 5, toPort: lab.port }
        lab.peer.sends(datagramPacket(good, 'good'))
        await lab.passes(30)
        await socket.read()
        expect(socket.heard.map(({ data }) => new TextDecoder().decode(data))).toEqual(['good'])
      },
    },
  ],
}

const udpIcmp: Theme = {
  name: 'udp_icmp_error_propagation',
  differs: 'The kernel tells a connected socket of "port unreachable". Our flows carry on: what one datagram met says nothing of the next, and a tunnel is not to break for it.',
  cases: versions.map((version) => ({
    title: `ICMPv${version} "port unreachable" reaches the socket that it is about, and does not end it`,
    async run(lab: Lab) {
      const { from, to } = ends(lab, version)
      const socket = lab.device.connectDatagrams({ address: from, port: 4_001 })
      socket.send(filled(20), { address: from, port: 4_001 })
      const sent = present(await lab.peer.take((seen) => (seen.protocol === protocol.udp ? seen : undefined)))
      const unreachable = version === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 }
      lab.peer.sends(icmpPacket({ from, to, ...unreachable }, sent.bytes))
      await lab.passes(30)
      await socket.read()
      expect(socket.failure).toBe(lab.kind === 'kernel' ? 'refused' : undefined)
      const fields = { from, to, fromPort: 4_001, toPort: u16(sent.payload, 0) }
      lab.peer.sends(datagramPacket(fields, 'still here'))
      await lab.passes(30)
      await socket.read()
      expect(socket.heard).toHaveLength(1)
    },
  })),
}

const sendReceive: Theme = {
  name: 'udp_socket_send_recv',
  cases: versions.map((version) => ({
    title: `datagrams over IPv${version} of all sizes go and come whole; a wrong sum is dropped`,
    async run(lab: Lab) {
      const { from, to } = ends(lab, version)
      const socket = lab.device.connectDatagrams({ address: from, port: 4_002 })
      for (const length of [0, 1, 1_400, 9_000]) {
        socket.send(filled(length), { address: from, port: 4_002 })
        const whole = present(await lab.peer.wholePacket(protocol.udp))
        expect(whole.payload.subarray(8)).toEqual(filled(length))
        const fields: PacketFields & { fromPort: number; toPort: number } = { from, to, protocol: protocol.udp, fromPort: 4_002, toPort: u16(whole.payload, 0) }
        const bytes = datagramBytes(fields, filled(length))
        const pieces = length > 1_400 ? fragments(fields, bytes, 1_400, length) : [packet(fields, bytes)]
        for (const piece of pieces) lab.peer.sends(piece)
        const wrong = bytes.slice()
        wrong.set([(wrong[6] ?? 0) ^ 1], 6)
        if (length === 1) lab.peer.sends(packet(fields, wrong))
        await lab.passes(20)
      }
      await socket.read()
      expect(socket.heard.map(({ data }) => data.length)).toEqual([0, 1, 1_400, 9_000])
      expect(socket.heard.at(-1)?.data).toEqual(filled(9_000))
    },
  })),
}

export const internetThemes: readonly Theme[] = [
  ...echoThemes,
  ...reassemblyThemes,
  idUniqueness,
  fragmentErrors,
  unknownOptions,
  paramProblem,
  anyAddress,
  badSources,
  udpIcmp,
  sendReceive,
]
