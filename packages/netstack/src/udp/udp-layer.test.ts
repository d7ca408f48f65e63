import { CodedError, type DatagramFlow, type UdpRequest } from '@tunnel/flow'
import { datagramFlowCompliance } from '@tunnel/flow/compliance'
import { describe, expect, it } from 'vitest'
import { createMemoryPipe } from '../device/memory-pipe.ts'
import { createSeededRandom } from '../device/random.ts'
import { describePacket } from '../device/describe-packet.ts'
import { IpLayer } from '../ip/ip-layer.ts'
import { LocalAddresses } from '../ip/local-addresses.ts'
import { address, buildIcmp, buildPacket, buildUdp } from '../testing/build-packet.ts'
import { IpHost } from '../testing/ip-host.ts'
import { UdpLayer, type UdpLayerOptions } from './udp-layer.ts'

const v4 = { from: '10.0.0.2', to: '10.0.0.1' }
const v6 = { from: '2001:db8::2', to: '2001:db8::1' }
const text = (words: string): Uint8Array => new TextEncoder().encode(words)
const wordsOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Two hosts joined by memory; the right one accepts what comes. */
async function connected(mtu: number, remote: string): Promise<{ left: DatagramFlow; right: DatagramFlow; close(): Promise<void> }> {
  const devices = createMemoryPipe({ mtu })
  const clock = { now: () => performance.now() }
  const [left, right] = devices.map((device, index) => {
    const addresses = new LocalAddresses({ addresses: [address(`10.0.0.${index + 1}`), address(`2001:db8::${index + 1}`)] })
    const ip = new IpLayer({ device, clock, random: Math.random, addresses })
    device.start((packets) => packets.forEach((packet) => ip.receive(packet)))
    return new UdpLayer({ ip, clock, random: Math.random })
  })
  const flow = left!.connect({ address: remote, port: 5000 })
  // The other end knows of the flow from the beginning, so that either may speak first.
  const other = right!.connect(flow.info.local!, { address: remote, port: 5000 })
  return {
    left: flow,
    right: other,
    close: async () => {
      await Promise.all(devices.map((device) => device.close()))
    },
  }
}

datagramFlowCompliance('a UDP flow over IPv4', () => connected(65_535, '10.0.0.2'))
datagramFlowCompliance('a UDP flow over IPv6, in fragments', () => connected(1280, '2001:db8::2'))

/** A host whose deferred calls run when the test says so. */
function host(limits: Partial<UdpLayerOptions> = {}, any = false): { host: IpHost; udp: UdpLayer; run: () => void; requests: UdpRequest[] } {
  const ipHost = new IpHost({ any })
  const deferred: (() => void)[] = []
  const udp = new UdpLayer({ ip: ipHost.ip, clock: { now: () => ipHost.now }, random: createSeededRandom(3), defer: (call) => deferred.push(call), ...limits })
  return { host: ipHost, udp, run: () => deferred.splice(0).forEach((call) => call()), requests: [] }
}

function watch(flow: DatagramFlow): string[] {
  const calls: string[] = []
  flow.attach({ message: (datagram) => calls.push(wordsOf(datagram)), close: (error) => calls.push(`close ${error?.code}`) })
  return calls
}

describe.each([['IPv4', v4], ['IPv6', v6]])('requests over %s', (_, ends) => {
  it('are one for each pair, with its first datagrams', () => {
    const { host: ip, udp, run, requests } = host()
    udp.onRequest((request) => requests.push(request))
    ip.ip.receive(buildUdp(ends, 40_000, 53, text('one')))
    ip.ip.receive(buildUdp(ends, 40_000, 53, text('two')))
    ip.ip.receive(buildUdp(ends, 40_001, 53, text('other')))
    expect(requests.map(({ from, to }) => [from, to])).toEqual([
      [{ address: ends.from, port: 40_000 }, { address: ends.to, port: 53 }],
      [{ address: ends.from, port: 40_001 }, { address: ends.to, port: 53 }],
    ])
    const flow = requests[0]!.accept()
    expect(() => requests[0]!.refuse('reset')).toThrow(expect.objectContaining({ code: 'flow.answered' }))
    const calls = watch(flow)
    expect(calls).toEqual([])
    run()
    ip.ip.receive(buildUdp(ends, 40_000, 53, text('three')))
    expect(calls).toEqual(['one', 'two', 'three'])
    expect(flow.send(text('answer'))).toBe(true)
    expect(ip.take().map(describePacket)).toEqual([ends === v4 ? '10.0.0.1:53 > 10.0.0.2:40000 udp 6 bytes' : '[2001:db8::1]:53 > [2001:db8::2]:40000 udp 6 bytes'])
  })

  it.each([['reset', 'unreachable code 3', 'unreachable code 4'], ['host-unreachable', 'unreachable code 1', 'unreachable code 3'], ['prohibited', 'unreachable code 13', 'unreachable code 1']] as const)(
    'refused with %s tell the sender',
    (reason, said4, said6) => {
      const { host: ip, udp, requests } = host({}, true)
      udp.onRequest((request) => requests.push(request))
      const packet = buildUdp({ ...ends, to: ends === v4 ? '203.0.113.5' : '2001:db8:9::5' }, 40_000, 53, text('one'))
      ip.ip.receive(packet)
      // The packet's memory is used again before the answer comes.
      packet.fill(0xee)
      requests[0]!.refuse(reason)
      expect(ip.take().map(describePacket)).toEqual([ends === v4 ? `203.0.113.5 > 10.0.0.2 icmp ${said4}` : `2001:db8:9::5 > 2001:db8::2 icmp ${said6}`])
      expect(udp.flows).toBe(0)
    },
  )

  it('are not made without a handler, or for port 0: the port is unreachable', () => {
    const { host: ip, udp, requests } = host()
    ip.ip.receive(buildUdp(ends, 40_000, 53, text('one')))
    udp.onRequest((request) => requests.push(request))
    ip.ip.receive(buildUdp(ends, 40_000, 0, text('one')))
    ip.ip.receive(buildUdp(ends, 0, 53, text('one')))
    expect(ip.sent.map((bytes) => describePacket(bytes))).toEqual(Array.from({ length: 3 }, () => `${ends.to} > ${ends.from} icmp unreachable code ${ends === v4 ? 3 : 4}`))
    expect([requests, ip.ip.drops.toJSON()]).toEqual([[], { 'udp.no-flow': 3 }])
  })

  it('have bounds: flows, flows of one source, datagrams and bytes that wait', () => {
    const { host: ip, udp, run, requests } = host({ maxFlows: 5, maxFlowsPerSource: 3, queueLimit: 2, queueBytes: 100 })
    udp.onRequest((request) => requests.push(request))
    for (let port = 1; port <= 10; port += 1) ip.ip.receive(buildUdp(ends, port, 53, text('x')))
    for (let port = 1; port <= 10; port += 1) ip.ip.receive(buildUdp({ ...ends, from: ends === v4 ? '10.0.0.9' : '2001:db8::9' }, port, 53, text('x')))
    expect([requests.length, udp.flows, ip.ip.drops.of('udp.flow-limit')]).toEqual([20, 5, 15])
    const first = requests[19]!.accept()
    for (const words of ['y', 'z']) ip.ip.receive(buildUdp({ ...ends, from: requests[19]!.from.address }, 10, 53, text(words)))
    ip.ip.receive(buildUdp({ ...ends, from: requests[19]!.from.address }, 9, 53, new Uint8Array(101)))
    expect(ip.ip.drops.of('udp.queue')).toBe(2)
    const calls = watch(first)
    run()
    expect(calls).toEqual(['x', 'y'])
    first.close()
    expect(udp.flows).toBe(4)
    ip.ip.receive(buildUdp(ends, 99, 53, text('x')))
    expect([requests.length, udp.flows]).toEqual([21, 5])
  })

  it('make room for new ones where there are too many: the longest idle first, of the crowded source first, and none of the program\'s own', () => {
    const { host: ip, udp, run, requests } = host({ maxFlows: 4, maxFlowsPerSource: 2 })
    udp.onRequest((request) => requests.push(request))
    const own = watch(udp.connect({ address: ends === v4 ? '10.0.0.7' : '2001:db8::7', port: 9 }))
    const from = (last: number): string => (ends === v4 ? `10.0.0.${last}` : `2001:db8::${last}`)
    const says = (last: number, port: number): void => ip.ip.receive(buildUdp({ ...ends, from: from(last) }, port, 53, text('x')))
    for (const [last, port] of [[2, 1], [2, 2], [3, 1]] as const) says(last, port)
    const calls = requests.map((request) => watch(request.accept()))
    const ended = (): boolean[] => (run(), calls.map((each) => each.includes('close undefined')))
    says(2, 1)
    says(2, 3)
    expect(ended()).toEqual([false, true, false])
    says(4, 1)
    expect(ended()).toEqual([false, true, true])
    expect([own, udp.flows, requests.length]).toEqual([[], 4, 5])
  })
})

describe('flows', () => {
  it('close when nothing passes for long, and not before', () => {
    const { host: ip, udp, run } = host({ idle: 1000 })
    const quiet = watch(udp.connect({ address: '10.0.0.2', port: 1 }))
    const busy = udp.connect({ address: '10.0.0.2', port: 2 })
    const calls = watch(busy)
    run()
    expect(udp.nextWake()).toBe(1000)
    ip.now = 900
    busy.send(text('x'))
    ip.now = 1000
    udp.expire(1000)
    run()
    expect([quiet, calls, udp.nextWake()]).toEqual([['close undefined'], [], 1900])
    ip.now = 1900
    udp.expire(1900)
    run()
    expect([calls, udp.flows, udp.nextWake()]).toEqual([['close undefined'], 0, undefined])
  })

  it('close sooner at some ports than at others, also when those come later', () => {
    const { host: ip, udp, run } = host({ idle: (port) => (port === 53 ? 50 : 1000) })
    udp.onRequest((request) => void request.accept())
    const long = watch(udp.connect({ address: '10.0.0.2', port: 1 }))
    ip.now = 100
    const short = watch(udp.connect({ address: '10.0.0.2', port: 53 }))
    ip.ip.receive(buildUdp(v4, 40_000, 53, text('x')))
    run()
    expect(udp.nextWake()).toBe(150)
    ip.now = 150
    udp.expire(150)
    run()
    expect([long, short, udp.flows, udp.nextWake()]).toEqual([[], ['close undefined'], 1, 1000])
  })

  it('use other ports, and free ones: chosen by chance', () => {
    const { udp } = host()
    const ports = Array.from({ length: 50 }, () => udp.connect({ address: '10.0.0.2', port: 1 }).info.local!.port)
    expect(new Set(ports).size).toBe(50)
    expect(ports.every((port) => port >= 49_152 && port < 65_536)).toBe(true)
    expect(() => udp.connect({ address: '10.0.0.2', port: 1 }, { port: ports[0]! })).toThrow(expect.objectContaining({ code: 'netstack.in-use' }))
    expect(() => udp.connect({ address: 'db.corp', port: 1 })).toThrow(expect.objectContaining({ code: 'netstack.address' }))
  })

  it('survive an ICMP error that is about them, and ignore others', () => {
    const { host: ip, udp, run } = host()
    const flow = udp.connect({ address: '10.0.0.2', port: 53 })
    const calls = watch(flow)
    run()
    flow.send(text('hello'))
    const [sent] = ip.take()
    const report = (quote: Uint8Array): Uint8Array => buildIcmp(v4, { kind: 'unreachable', code: 3, value: 0, quote: quote.subarray(0, 28) })
    ip.ip.receive(report(sent!))
    ip.ip.receive(report(buildUdp({ from: '10.0.0.1', to: '10.0.0.2' }, 1, 53, text('hello'))))
    expect([calls, flow, ip.ip.drops.toJSON()]).toEqual([[], expect.objectContaining({ unreachable: 1 }), { 'icmp.quote': 1 }])
    expect(flow.send(text('again'))).toBe(true)
  })

  it('learn the path MTU', () => {
    const { host: ip, udp } = host()
    const flow = udp.connect({ address: '10.0.0.2', port: 53 })
    flow.send(new Uint8Array(1400))
    const [sent] = ip.take()
    ip.ip.receive(buildIcmp({ ...v4, from: '10.9.9.9' }, { kind: 'too-big', code: 4, value: 1000, quote: sent!.subarray(0, 28) }))
    flow.send(new Uint8Array(1400))
    expect(ip.take().map(({ length }) => length)).toEqual([996, 452])
  })

  it('are not hurt by handlers that throw', () => {
    const failed: unknown[] = []
    const { host: ip, udp, run } = host({ handlerFailed: (error) => failed.push(error) })
    const fail = (): never => {
      throw new Error('a defect')
    }
    udp.onRequest(fail)
    udp.bind({ port: 5000, onMessage: fail })
    const flow = udp.connect({ address: '10.0.0.2', port: 9 }, { port: 6000 })
    ip.ip.receive(buildUdp(v4, 9, 6000, text('early')))
    flow.attach({ message: fail, close: () => {} })
    run()
    for (const port of [5000, 6000, 7000]) ip.ip.receive(buildUdp(v4, 9, port, text('x')))
    expect(failed.length).toBe(4)
  })

  it('all end with the device', () => {
    const { udp, run } = host()
    const flows = [1, 2, 3].map((port) => watch(udp.connect({ address: '10.0.0.2', port })))
    run()
    udp.close(new CodedError('test.gone', 'gone'))
    run()
    expect([flows, udp.flows]).toEqual([[['close test.gone'], ['close test.gone'], ['close test.gone']], 0])
  })

  it('are found among many, and forgotten one by one', () => {
    const { host: ip, udp, run } = host()
    const flows = Array.from({ length: 2000 }, (_, index) => udp.connect({ address: `10.1.${index & 7}.1`, port: 1 + (index >> 3) }, { port: 1000 + (index & 15) }))
    const calls = flows.map((flow) => watch(flow))
    run()
    for (const [index, flow] of flows.entries()) {
      ip.ip.receive(buildUdp({ from: flow.info.remote!.address, to: '10.0.0.1' }, flow.info.remote!.port, flow.info.local!.port, text(String(index))))
      expect(calls[index]).toEqual([String(index)])
      flow.close()
    }
    expect([udp.flows, ip.ip.drops.total]).toEqual([0, 0])
  })
})

describe('sums', () => {
  it('are checked; without one a datagram is good over IPv4 only (RFC 8200 8.1)', () => {
    const { host: ip, udp } = host()
    const got: string[] = []
    udp.bind({ port: 53, onMessage: (datagram) => got.push(wordsOf(datagram)) })
    for (const ends of [v4, v6]) {
      const at = ends === v4 ? 26 : 46
      const wrong = buildUdp(ends, 1, 53, text('wrong'))
      wrong[at] = wrong[at]! ^ 1
      const none = buildUdp(ends, 1, 53, text('none'))
      none.fill(0, at, at + 2)
      for (const bytes of [wrong, none, buildUdp(ends, 1, 53, text('good'))]) ip.ip.receive(bytes)
    }
    expect([got, ip.ip.drops.toJSON()]).toEqual([['none', 'good', 'good'], { 'udp.checksum': 3 }])
  })

  it('cover the datagram and not the padding behind it', () => {
    const { host: ip, udp } = host()
    const got: string[] = []
    udp.bind({ port: 53, onMessage: (datagram) => got.push(wordsOf(datagram)) })
    const datagram = buildUdp(v4, 1, 53, text('good')).subarray(20)
    const padded = new Uint8Array(20).fill(7)
    padded.set(datagram)
    ip.ip.receive(buildPacket({ ...v4, protocol: 17 }, padded))
    expect(got).toEqual(['good'])
  })

  it('of 0 are sent as 0xffff (RFC 768)', () => {
    const { host: ip, udp } = host()
    const flow = udp.connect({ address: '10.0.0.2', port: 53 }, { port: 5000 })
    // Whatever makes the sum 0: found by trying all words.
    for (let word = 0; word < 65_536; word += 1) flow.send(Uint8Array.of(word >> 8, word))
    const sums = ip.take().map((bytes) => (bytes[26]! << 8) | bytes[27]!)
    expect([sums.includes(0), sums.includes(0xffff)]).toEqual([false, true])
  })
})

describe('sockets', () => {
  it('take datagrams of everybody and answer from the address that was asked', () => {
    const { host: ip, udp } = host()
    const got: unknown[] = []
    const socket = udp.bind({ port: 53, address: '2001:db8::1', onMessage: (datagram, from, to) => got.push([wordsOf(datagram), from, to]) })
    ip.ip.receive(buildUdp(v6, 9, 53, text('question')))
    ip.ip.receive(buildUdp(v4, 9, 53, text('to another address')))
    expect(got).toEqual([['question', { address: '2001:db8::2', port: 9 }, { address: '2001:db8::1', port: 53 }]])
    ip.take()
    expect([socket.send(text('answer'), { address: '2001:db8::2', port: 9 }), socket.send(text('answer'), { address: '10.0.0.2', port: 9 })]).toEqual([true, false])
    expect([ip.take().map(describePacket), socket.dropped]).toEqual([['[2001:db8::1]:53 > [2001:db8::2]:9 udp 6 bytes'], 1])
  })

  it('have a port alone, until they are closed', () => {
    const { host: ip, udp } = host()
    const onMessage = (): void => {}
    const socket = udp.bind({ port: 53, address: '10.0.0.1', onMessage })
    expect(() => udp.bind({ port: 53, onMessage })).toThrow(expect.objectContaining({ code: 'netstack.in-use' }))
    const other = udp.bind({ port: 53, address: '2001:db8::1', onMessage })
    socket.close()
    socket.close()
    expect(socket.send(text('late'), { address: '10.0.0.2', port: 9 })).toBe(false)
    udp.bind({ port: 53, address: '10.0.0.1', onMessage }).close()
    other.close()
    expect(udp.bind({ onMessage }).port).toBeGreaterThanOrEqual(49_152)
    ip.ip.receive(buildUdp(v4, 9, 53, text('nobody')))
    expect(ip.ip.drops.toJSON()).toEqual({ 'udp.no-flow': 1 })
  })

  it('give way to a flow of the same port', () => {
    const { host: ip, udp, run } = host()
    const got: string[] = []
    udp.bind({ port: 5000, onMessage: (datagram) => got.push(wordsOf(datagram)) })
    const calls = watch(udp.connect({ address: '10.0.0.2', port: 9 }, { port: 5000 }))
    run()
    ip.ip.receive(buildUdp(v4, 9, 5000, text('flow')))
    ip.ip.receive(buildUdp(v4, 10, 5000, text('socket')))
    expect([calls, got]).toEqual([['flow'], ['socket']])
  })
})
