import { describe, expect, it } from 'vitest'
import { describePacket } from '../device/describe-packet.ts'
import { address, buildIcmp, buildPacket, buildUdp } from '../testing/build-packet.ts'
import { IpHost } from '../testing/ip-host.ts'
import { DropCounts } from '../wire/drop-counts.ts'
import { isIcmpError, type IcmpError, type IcmpMessage } from '../wire/icmp.ts'
import { parseIcmp4 } from '../wire/icmp4.ts'
import { parseIcmp6 } from '../wire/icmp6.ts'
import { parseIp } from '../wire/ip.ts'
import { IpPacket, ipProtocol } from '../wire/ip-packet.ts'
import type { ReportedError } from './transport.ts'

const v4 = { from: '10.0.0.2', to: '10.0.0.1' }
const v6 = { from: '2001:db8::2', to: '2001:db8::1' }
const families = [['IPv4', v4, ipProtocol.icmp4], ['IPv6', v6, ipProtocol.icmp6]] as const

/** A host that writes down what its transport for protocol 200 gets. */
function listening(options = {}): { host: IpHost; got: string[]; errors: ReportedError[] } {
  const host = new IpHost(options)
  const got: string[] = []
  const errors: ReportedError[] = []
  host.ip.register(200, {
    receive: (packet) => got.push(`${packet.source} > ${packet.destination}: ${packet.payload}`),
    icmpError: (error) => errors.push(error) > 0,
  })
  return { host, got, errors }
}

/** What was sent as ICMP, with sums checked by the parsers on the way. */
function sentIcmp(host: IpHost): { to: string; from: string; message: IcmpMessage }[] {
  return host.take().map((bytes) => {
    const packet = parseIp(bytes, new IpPacket(), new DropCounts())!
    const message = (packet.version === 4 ? parseIcmp4 : parseIcmp6)(bytes, packet.payloadOffset, packet.payloadLength)!
    return { from: String(packet.source), to: String(packet.destination), message }
  })
}
const errorOf = (host: IpHost): IcmpError | undefined => sentIcmp(host).map(({ message }) => message).find(isIcmpError)

describe.each(families)('%s in', (_, ends) => {
  it('gives payloads to their transport', () => {
    const { host, got } = listening()
    host.ip.receive(buildPacket({ ...ends, protocol: 200 }, Uint8Array.of(1, 2)))
    expect(got).toEqual([`${ends.from} > ${ends.to}: 1,2`])
    expect([host.sent, host.ip.drops.total]).toEqual([[], 0])
  })

  it('is only taken for our addresses, or for all with `any`', () => {
    const elsewhere = { from: ends.from, to: ends === v4 ? '203.0.113.9' : '2001:db8:9::9' }
    const { host, got } = listening()
    host.ip.receive(buildPacket({ ...elsewhere, protocol: 200 }, Uint8Array.of(1)))
    expect([got, host.ip.drops.toJSON()]).toEqual([[], { 'ip.destination': 1 }])
    const every = listening({ any: true })
    every.host.ip.receive(buildPacket({ ...elsewhere, protocol: 200 }, Uint8Array.of(1)))
    expect(every.got).toHaveLength(1)
  })

  it('comes from nobody that cannot be', () => {
    const { host, got } = listening({ any: true })
    const sources = ends === v4 ? ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', ends.to] : ['::', '::1', 'ff02::1', '::ffff:10.0.0.1', ends.to]
    for (const from of sources) host.ip.receive(buildPacket({ from, to: ends.to, protocol: 200 }, Uint8Array.of(1)))
    const destinations = ends === v4 ? ['127.0.0.1', '224.0.0.1', '255.255.255.255', '0.0.0.0'] : ['::1', 'ff02::1', '::', '::ffff:10.0.0.1']
    for (const to of destinations) host.ip.receive(buildPacket({ from: ends.from, to, protocol: 200 }, Uint8Array.of(1)))
    expect([got, host.ip.drops.toJSON(), host.sent]).toEqual([[], { 'ip.source': 5, 'ip.destination': 4 }, []])
  })

  it('is looked at again when one of its addresses is another than before', () => {
    const { host, got } = listening()
    const elsewhere = ends === v4 ? '203.0.113.9' : '2001:db8:9::9'
    const nobody = ends === v4 ? '127.0.0.1' : '::1'
    const way = [[ends.from, ends.to], [ends.from, ends.to], [nobody, ends.to], [ends.from, ends.to], [ends.from, elsewhere], [elsewhere, ends.to]] as const
    for (const [from, to] of way) host.ip.receive(buildPacket({ from, to, protocol: 200 }, Uint8Array.of(1)))
    expect([got.length, host.ip.drops.toJSON()]).toEqual([4, { 'ip.source': 1, 'ip.destination': 1 }])
  })

  it('answers a protocol that nobody has', () => {
    const { host } = listening()
    host.ip.receive(buildPacket({ ...ends, protocol: 201 }, Uint8Array.of(1)))
    expect(errorOf(host)).toMatchObject(ends === v4 ? { kind: 'unreachable', code: 2 } : { kind: 'parameter-problem', code: 1, value: 6 })
  })

  it('is put together from fragments; what stays in pieces is told to its sender', () => {
    const { host, got } = listening()
    const first = buildPacket({ ...ends, protocol: 200, moreFragments: true }, new Uint8Array(8))
    host.ip.receive(buildPacket({ ...ends, protocol: 200, fragmentOffset: 8 }, Uint8Array.of(7)))
    host.ip.receive(first)
    expect(got).toEqual([`${ends.from} > ${ends.to}: 0,0,0,0,0,0,0,0,7`])
    host.ip.receive(first)
    expect([host.ip.nextWake(), host.ip.heldBytes > 0]).toEqual([60_000, true])
    host.ip.expire(60_000)
    expect(sentIcmp(host)).toMatchObject([{ to: ends.from, from: ends.to, message: { kind: 'time-exceeded', code: 1 } }])
    expect([host.ip.nextWake(), host.ip.heldBytes]).toEqual([undefined, 0])
  })

  it('answers pings for our addresses, of any size', () => {
    const { host } = listening()
    const data = Uint8Array.from({ length: 4000 }, (_, index) => index)
    host.ip.receive(buildIcmp(ends, { kind: 'echo-request', identifier: 3, sequence: 4, data: data.subarray(0, 10) }))
    expect(sentIcmp(host)).toEqual([{ from: ends.to, to: ends.from, message: { kind: 'echo-reply', identifier: 3, sequence: 4, data: data.slice(0, 10) } }])
    host.ip.receive(buildIcmp(ends, { kind: 'echo-request', identifier: 3, sequence: 4, data }))
    const peer = new IpHost({ addresses: [ends.from] })
    const replies: string[] = []
    peer.ip.register(ends === v4 ? 1 : 58, { receive: (packet) => replies.push(describePacket(packet.bytes)), icmpError: () => false })
    for (const bytes of host.take()) peer.ip.receive(bytes)
    expect(replies).toEqual([`${ends.to} > ${ends.from} icmp echo-reply 3/4 4000 bytes`])
    const quiet = listening({ answersEcho: () => false })
    quiet.host.ip.receive(buildIcmp(ends, { kind: 'echo-request', identifier: 3, sequence: 4, data }))
    expect(quiet.host.sent).toEqual([])
  })

  it('refuses a wrong ICMP sum, unless the device vouches for it', () => {
    const ping = buildIcmp(ends, { kind: 'echo-request', identifier: 3, sequence: 4, data: Uint8Array.of(1) })
    ping[ping.length - 1] = 9
    const { host } = listening()
    host.ip.receive(ping)
    expect([host.sent.length, host.ip.drops.toJSON()]).toEqual([0, { 'icmp.checksum': 1 }])
    const trusting = listening({ offload: { checksum: true, segmentationBytes: 0 } })
    trusting.host.ip.receive(ping)
    expect(trusting.host.sent).toHaveLength(1)
  })
})

describe.each(families)('%s errors', (_, ends) => {
  const sent = { from: ends.to, to: ends.from, protocol: 200 }
  const report = (error: Partial<IcmpError>, quoted = buildPacket(sent, new Uint8Array(40)), from: string = ends.from): Uint8Array =>
    buildIcmp({ from, to: ends.to }, { kind: 'unreachable', code: 1, value: 0, quote: quoted, ...error })

  it('reach the transport with what was quoted', () => {
    const { host, errors } = listening()
    host.ip.receive(report({ code: ends === v4 ? 3 : 4 }, undefined, ends === v4 ? '10.9.9.9' : '2001:db8::99'))
    expect(errors).toMatchObject([{ reason: 'port-unreachable', mtu: 0, quoted: { protocol: 200, sourcePort: 0 } }])
    expect(String(errors[0]!.reporter)).toBe(ends === v4 ? '10.9.9.9' : '2001:db8::99')
    const codes = ends === v4 ? [[0, 'host-unreachable'], [2, 'protocol-unreachable'], [10, 'prohibited'], [13, 'prohibited']] : [[0, 'host-unreachable'], [1, 'prohibited'], [3, 'host-unreachable'], [5, 'prohibited']]
    for (const [code] of codes) host.ip.receive(report({ code: Number(code) }))
    expect(errors.slice(1).map(({ reason }) => reason)).toEqual(codes.map(([, reason]) => reason))
  })

  it('are believed only about packets from the address that they come to', () => {
    const { host, errors } = listening()
    const foreign = buildPacket({ from: ends === v4 ? '10.7.7.7' : '2001:db8::77', to: ends.from, protocol: 200 }, new Uint8Array(40))
    host.ip.receive(report({}, foreign))
    host.ip.receive(report({}, foreign.subarray(0, 30)))
    host.ip.receive(report({}, new Uint8Array(0)))
    expect([errors, host.ip.drops.toJSON()]).toEqual([[], { 'icmp.quote': 3 }])
  })

  it('make the path MTU smaller, if the transport knows the packet', () => {
    const { host } = listening()
    const tooBig = report({ kind: 'too-big', code: ends === v4 ? 4 : 0, value: 1300 })
    const unknown = report({ kind: 'too-big', code: ends === v4 ? 4 : 0, value: 1300 }, buildPacket({ ...sent, protocol: 222 }, new Uint8Array(40)))
    host.ip.receive(unknown)
    expect([host.ip.output.mtuTo(address(ends.from)), host.ip.drops.of('icmp.quote')]).toEqual([1500, 1])
    host.ip.receive(tooBig)
    expect(host.ip.output.mtuTo(address(ends.from))).toBe(1300)
    host.ip.receive(report({ kind: 'too-big', code: ends === v4 ? 4 : 0, value: 1400 }))
    expect([host.ip.output.mtuTo(address(ends.from)), host.ip.drops.of('icmp.mtu')]).toEqual([1300, 1])
  })

  it('are not sent about errors, multicast, later fragments and strange sources (RFC 1122 3.2.2)', () => {
    const { host } = listening()
    const { icmp } = host.ip
    const isV4 = ends === v4
    const silent = [
      report({}),
      buildUdp({ from: ends.from, to: isV4 ? '224.0.0.251' : 'ff02::fb' }, 5353, 5353, new Uint8Array(1)),
      buildUdp({ from: isV4 ? '0.0.0.0' : '::', to: ends.to }, 68, 67, new Uint8Array(1)),
      buildUdp({ from: isV4 ? '127.0.0.1' : '::1', to: ends.to }, 1, 2, new Uint8Array(1)),
      new Uint8Array(0),
      new Uint8Array(19).fill(0x45),
      ...(isV4 ? [buildPacket({ ...ends, fragmentOffset: 8 }, new Uint8Array(8)), buildUdp({ from: ends.from, to: '255.255.255.255' }, 1, 2, new Uint8Array(1))] : []),
    ]
    for (const bytes of silent) expect(icmp.unreachable(bytes, 'port-unreachable')).toBe(false)
    expect(host.sent).toEqual([])
    const ping = buildIcmp(ends, { kind: 'echo-request', identifier: 1, sequence: 1, data: new Uint8Array(0) })
    expect(icmp.unreachable(ping, 'prohibited')).toBe(true)
  })

  it('quote so much of the packet, and no more than so many are sent', () => {
    const { host } = listening({ icmp: { errorsPerSecond: 10, errorBurst: 3 } })
    const long = buildUdp(ends, 1, 2, new Uint8Array(1400))
    expect([1, 2, 3, 4, 5].map(() => host.ip.icmp.unreachable(long, 'host-unreachable'))).toEqual([true, true, true, false, false])
    expect(host.ip.drops.of('icmp.rate')).toBe(2)
    expect(host.take().map(({ length }) => length)).toEqual([1, 2, 3].map(() => (ends === v4 ? 576 : 1280)))
    host.now = 100
    expect([1, 2].map(() => host.ip.icmp.unreachable(long, 'host-unreachable'))).toEqual([true, false])
    expect(errorOf(host)).toMatchObject({ kind: 'unreachable', code: ends === v4 ? 1 : 3 })
  })
})

describe('problems in headers', () => {
  it('are told to the sender with code and place', () => {
    const { host } = listening()
    host.ip.receive(buildPacket({ ...v6, protocol: 60 }, Uint8Array.of(200, 0, 0x9e, 0, 1, 2, 0, 0)))
    expect(errorOf(host)).toMatchObject({ kind: 'parameter-problem', code: 2, value: 42 })
    host.ip.receive(buildPacket({ ...v6, to: '2001:db8::dead', protocol: 60 }, Uint8Array.of(200, 0, 0x9e, 0, 1, 2, 0, 0)))
    expect(host.sent).toEqual([])
    // The same for a multicast destination: a router is to learn of it, a host that only listens not (RFC 8200 4.2).
    host.ip.receive(buildPacket({ ...v6, to: 'ff02::1', protocol: 60 }, Uint8Array.of(200, 0, 0x9e, 0, 1, 2, 0, 0)))
    expect(sentIcmp(host)).toMatchObject([{ from: '2001:db8::1', message: { kind: 'parameter-problem', code: 2 } }])
  })

  it('a reassembled packet is no fragment again', () => {
    const { host, got } = listening()
    const inner = Uint8Array.of(200, 0, 0, 1, 0, 0, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8)
    host.ip.receive(buildPacket({ ...v6, protocol: ipProtocol.fragment, moreFragments: true }, inner))
    host.ip.receive(buildPacket({ ...v6, protocol: ipProtocol.fragment, fragmentOffset: 16 }, new Uint8Array(8)))
    expect([got, host.ip.drops.toJSON(), host.ip.heldBytes]).toEqual([[], { 'fragment.nested': 1 }, 0])
  })
})

describe('neighbours', () => {
  const ask = (target: string, hopLimit = 255): Uint8Array => buildIcmp({ from: v6.from, to: 'ff02::1:ff00:1', hopLimit }, { kind: 'neighbour-solicitation', target: address(target) })

  it('who ask for our address are answered; what a router passed on is not (RFC 4861 7.1.1)', () => {
    const { host } = listening()
    host.ip.receive(ask('2001:db8::1'))
    expect(sentIcmp(host)).toEqual([{ from: '2001:db8::1', to: '2001:db8::2', message: { kind: 'neighbour-advertisement', target: address('2001:db8::1') } }])
    host.ip.receive(ask('2001:db8::1', 254))
    host.ip.receive(ask('2001:db8:5::1'))
    expect([host.sent, host.ip.drops.toJSON()]).toEqual([[], { 'icmp.hop-limit': 1 }])
  })
})

describe('out', () => {
  const route = { source: address('10.0.0.1'), destination: address('10.0.0.2'), protocol: ipProtocol.udp, checksumAt: 6 }
  const header = (host: IpHost): number => {
    host.ip.output.scratch.fill(0, host.ip.output.transportAt, host.ip.output.transportAt + 8)
    return 8
  }

  it('refuses what is longer than any packet, and counts what the device drops', () => {
    const host = new IpHost()
    expect(host.ip.output.send(route, header(host), [new Uint8Array(65_508)])).toBe(false)
    host.accepts = false
    expect(host.ip.output.send(route, header(host), [new Uint8Array(5)])).toBe(false)
    expect(host.ip.drops.toJSON()).toEqual({ 'ip.send-too-long': 1, 'ip.send-device': 1 })
  })

  it('leaves sums and segmentation to a device that does them', () => {
    const host = new IpHost({ offload: { checksum: true, segmentationBytes: 65_535 } })
    const tcp = { ...route, protocol: ipProtocol.tcp, checksumAt: 16 }
    host.ip.output.scratch.fill(0, host.ip.output.transportAt, host.ip.output.transportAt + 20)
    expect(host.ip.output.send(tcp, 20, [new Uint8Array(60_000)])).toBe(true)
    const [whole] = host.take()
    expect(whole!.length).toBe(60_040)
    // The sum of the pseudo header, not inverted: 10.0.0.1 + 10.0.0.2 + 6 + 60,020.
    expect((whole![36]! << 8) | whole![37]!).toBe((0x0a00 + 1 + 0x0a00 + 2 + 6 + 60_020) % 0xffff)
    // A datagram is not segmented: it goes in fragments, whose sum no device can make.
    expect(host.ip.output.send(route, header(host), [new Uint8Array(3000)])).toBe(true)
    const fragments = host.take()
    expect(fragments.length).toBe(3)
    const peer = new IpHost({ addresses: ['10.0.0.2'] })
    for (const bytes of fragments) peer.ip.receive(bytes)
    expect(peer.ip.drops.toJSON()).toEqual({ 'ip.protocol': 1 })
  })

  it('says how large the pieces of a large segment may be: what the path carries and the peer takes', () => {
    const host = new IpHost({ offload: { checksum: true, segmentationBytes: 65_535 } })
    const tcp = { ...route, protocol: ipProtocol.tcp, checksumAt: 16 }
    const send = (mss?: number): boolean => host.ip.output.send(tcp, 20, [new Uint8Array(5000)], 5000, mss)
    expect([send(), send(1000), send(9000)]).toEqual([true, true, true])
    host.ip.pathMtu.learn(tcp.destination, 1300, 0)
    send()
    host.ip.output.send(tcp, 20, [])
    expect(host.segmentBytes).toEqual([1460, 1000, 1460, 1260, 1260])
  })

  it('a reassembled packet is summed here, whatever the device says', () => {
    const { host } = listening({ offload: { checksum: true, segmentationBytes: 0 } })
    const ping = buildIcmp(v4, { kind: 'echo-request', identifier: 3, sequence: 4, data: new Uint8Array(8) }).subarray(20)
    const wrong = Uint8Array.from(ping)
    wrong[15] = 1
    for (const [identification, bytes] of [ping, wrong].entries()) {
      host.ip.receive(buildPacket({ ...v4, protocol: 1, identification, moreFragments: true }, bytes.subarray(0, 8)))
      host.ip.receive(buildPacket({ ...v4, protocol: 1, identification, fragmentOffset: 8 }, bytes.subarray(8)))
    }
    expect([host.sent.length, host.ip.drops.toJSON()]).toEqual([1, { 'icmp.checksum': 1 }])
  })

  it('puts each packet under headers of its own, of whatever lengths and versions they are in turn', () => {
    const host = new IpHost()
    const { output } = host.ip
    const sizes = [28, 28, 12, 60, 48]
    for (const [from, to] of [['10.0.0.1', '10.0.0.2'], ['2001:db8::1', '2001:db8::2'], ['10.0.0.1', '10.0.0.2']]) {
      for (const size of sizes) {
        output.scratch.fill(size, output.transportAt, output.transportAt + size)
        output.send({ source: address(from!), destination: address(to!), protocol: ipProtocol.udp, checksumAt: 6 }, size, [Uint8Array.of(1)])
      }
    }
    const packets = host.take().map((bytes) => parseIp(bytes, new IpPacket(), new DropCounts()))
    expect(packets.map((packet) => packet?.version)).toEqual([4, 6, 4].flatMap((version) => sizes.map(() => version)))
    const texts = packets.map((packet) => [packet?.payload.length, packet?.payload[0], packet?.payload.at(-2), packet?.payload.at(-1)])
    expect(texts).toEqual([...sizes, ...sizes, ...sizes].map((size) => [size + 1, size, size, 1]))
  })

  it('numbers packets, each destination by itself', () => {
    const host = new IpHost()
    for (let count = 0; count < 3; count += 1) host.ip.output.send(route, header(host), [])
    const [first, second, third] = host.take().map((bytes) => (bytes[4]! << 8) | bytes[5]!)
    expect([(second! - first!) & 0xffff, (third! - second!) & 0xffff]).toEqual([1, 1])
  })

  it('lets TCP over IPv4 forbid fragments, until the path MTU is at its floor', () => {
    const host = new IpHost()
    const tcp = { ...route, protocol: ipProtocol.tcp, checksumAt: 16 }
    const flags = (): number => {
      host.ip.output.send(tcp, 20, [])
      return host.take()[0]![6]! & 0x40
    }
    expect(flags()).toBe(0x40)
    host.ip.pathMtu.learn(tcp.destination, 552, 0)
    expect(flags()).toBe(0)
  })
})
