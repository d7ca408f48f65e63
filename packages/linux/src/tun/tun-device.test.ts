import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { CodedError } from '@tunnel/flow'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { AF_INET, AF_INET6, MSG_DONTWAIT, SOCK_RAW } from '../ffi/constants.ts'
import { openDescriptor, setOption } from '../ffi/descriptor.ts'
import { libc } from '../ffi/libc.ts'
import { openRouteControl } from '../netlink/route-control.ts'
import { requireSocketAddress } from '../sockets/socket-address.ts'
import { openUdpDescriptor } from '../sockets/udp-descriptor.ts'
import { enterOwnNetwork, ipJson, noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'
import { startTinyPeer, type TinyPeer } from './testing-host/tiny-peer.ts'
import { openTunDevice, type TunDevice, type TunDeviceOptions } from './tun-device.ts'

const far = { v4: '10.9.1.7', v6: 'fd09:1::7' }

describe.skipIf(noNetwork)('a TUN device', () => {
  let open: TunDevice[] = []
  beforeAll(() => enterOwnNetwork())
  afterEach(async () => {
    for (const device of open.splice(0)) await device.close()
    open = []
  })

  async function openRouted(options: TunDeviceOptions = {}): Promise<TunDevice> {
    const device = openTunDevice({ name: 'dev%d', ...options })
    open.push(device)
    const control = openRouteControl()
    control.addAddress({ family: 4, address: '10.9.0.1', prefixLength: 32, device: device.name })
    control.addAddress({ family: 6, address: 'fd09::1', prefixLength: 128, device: device.name })
    control.addRoutes([
      { family: 4, destination: '10.9.1.0/24', device: device.name },
      { family: 6, destination: 'fd09:1::/64', device: device.name },
    ])
    // Only a moment later has the kernel the IPv6 address for good.
    await expect.poll(() => control.routes({ table: 255, family: 6 }).some(({ destination }) => destination === 'fd09::1/128'), { interval: 2 }).toBe(true)
    control.close()
    return device
  }

  it('has an MTU, a queue, is up, and goes', async () => {
    const device = openTunDevice({ name: 'dev%d', mtu: 9_000, queuePackets: 77 })
    expect(device).toMatchObject({ name: 'dev0', mtu: 9_000, offloads: 'tcp-udp', offload: { checksum: true, segmentationBytes: 65_535 } })
    expect(ipJson('link show dev0')[0]).toMatchObject({ mtu: 9_000, txqlen: 77, flags: expect.arrayContaining(['UP', 'POINTOPOINT']) })
    await device.close()
    await device.close()
    expect(device.transmit([Buffer.alloc(20)])).toBe(false)
    expect(ipJson('link show').map(({ ifname }) => ifname)).toEqual(['lo'])
  })

  const modes = [
    { offloads: 'tcp-udp', mtu: 1_500 },
    { offloads: 'tcp', mtu: 65_535 },
    { offloads: 'checksum', mtu: 1_500 },
    { offloads: 'none', mtu: 1_500 },
    { offloads: 'none', mtu: 65_535 },
  ] as const

  describe.each(modes)('with offloads $offloads and MTU $mtu', (mode) => {
    it.each(['v4', 'v6'] as const)('answers pings of this host, small and large: %s', async (family) => {
      startTinyPeer(await openRouted(mode))
      for (const size of [0, 56, 1_400]) {
        expect(await pings(far[family], size)).toBe(true)
      }
    })

    it.each(['v4', 'v6'] as const)('carries TCP of the kernel both ways, as large as it may: %s', async (family) => {
      const device = await openRouted(mode)
      const peer = startTinyPeer(device)
      const sent = 3_000_000
      const socket = connect({ host: far[family], port: 5_001 })
      socket.end(Buffer.alloc(sent, 'x'))
      await once(socket, 'close')
      expect(peer.tcpBytes).toBe(sent)
      const large = mode.offloads.startsWith('tcp') || mode.mtu === 65_535
      if (large) expect(peer.largestSegment).toBeGreaterThan(20_000)
      else expect(peer.largestSegment).toBeLessThanOrEqual(1_460)
      await device.close()
    })

    it.each(['v4', 'v6'] as const)('gives the kernel what it can segment and sum itself: %s', async (family) => {
      const device = await openRouted(mode)
      const size = device.offload.segmentationBytes > 0 ? 60_000 : mode.mtu - 60
      const reply = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) & 255))
      startTinyPeer(device, { reply, segmentBytes: 1_000 })
      const socket = connect({ host: far[family], port: 5_001, allowHalfOpen: true })
      const chunks: Buffer[] = []
      socket.on('data', (chunk) => chunks.push(chunk))
      await once(socket, 'end')
      socket.destroy()
      expect(Buffer.concat(chunks).equals(reply)).toBe(true)
      expect(device.dropped).toBe(0)
    })

    it('carries datagrams both ways', async () => {
      startTinyPeer(await openRouted(mode))
      for (const family of ['v4', 'v6'] as const) {
        const socket = createSocket(family === 'v4' ? 'udp4' : 'udp6')
        for (const size of [1, 700, 1_400]) expect(await echo(socket, far[family], size)).toBe(true)
        socket.close()
      }
    })
  })

  async function echo(socket: UdpSocket, host: string, size: number): Promise<boolean> {
    const sent = Buffer.alloc(size, size & 255)
    socket.send(sent, 9, host)
    const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(2_000) })) as [Buffer]
    return message.equals(sent)
  }

  it.each(['10.9.1.7', 'fd09:1::7'])('splits what a program sends as one datagram for many: %s', async (host) => {
    const device = await openRouted({ mtu: 1_500 })
    const peer = startTinyPeer(device)
    sendSegmented(host, Buffer.from(Array.from({ length: 25_321 }, (_, i) => i % 251)), 1_000)
    await expect.poll(() => peer.datagrams.length).toBe(26)
    expect(peer.datagrams.map(({ length }) => length)).toEqual([...Array.from({ length: 25 }, () => 1_000), 321])
    expect(Buffer.concat(peer.datagrams).equals(Buffer.from(Array.from({ length: 25_321 }, (_, i) => i % 251)))).toBe(true)
  })

  it('does not vouch for what it only passes on from elsewhere', async () => {
    const device = await openRouted({ mtu: 1_500 })
    const peer: TinyPeer = startTinyPeer(device)
    const socket = connect({ host: far.v4, port: 5_001 })
    await once(socket, 'connect')
    expect(peer.unverified).toBe(0)
    socket.destroy()
    // Sums of pings are complete, and nobody has looked at them.
    expect(await pings(far.v4, 56)).toBe(true)
    expect(peer.unverified).toBe(1)
  })

  it('tells when somebody deletes the link', async () => {
    const gone = new Promise<CodedError>((resolve) => {
      void openRouted({ onGone: resolve }).then((device) => {
        device.start(() => {})
        ipJson(`link del ${device.name}`)
      })
    })
    expect(await gone).toMatchObject({ code: 'linux.missing', message: 'The TUN link dev0 is gone: somebody has deleted it' })
  })

  it('refuses what it cannot send, and counts it', () => {
    const device = openTunDevice({ name: 'dev%d', mtu: 1_500, offloads: 'none' })
    open.push(device)
    const packet = Buffer.alloc(1_501)
    packet[0] = 0x45
    expect([device.transmit([packet]), device.transmit([]), device.transmit([packet.subarray(0, 1_500)])]).toEqual([false, false, true])
    expect(device.dropped).toBe(2)
  })
})

/** UDP_SEGMENT: one call of a program, many datagrams of `bytes` each. */
function sendSegmented(host: string, data: Buffer, bytes: number): void {
  const fd = openUdpDescriptor({ address: host.includes(':') ? '::' : '0.0.0.0', connectTo: { address: host, port: 9 } })
  setOption(fd, 17, 103, bytes, 'set UDP_SEGMENT')
  expect(libc().send(fd, data, data.length, 0)).toBe(data.length)
  libc().close(fd)
}

/** An echo request as a raw socket sends it, and whether the answer has come back. */
async function pings(host: string, size: number): Promise<boolean> {
  const v6 = host.includes(':')
  const fd = openDescriptor(v6 ? AF_INET6 : AF_INET, SOCK_RAW, v6 ? 58 : 1, 'ping')
  const address = requireSocketAddress({ address: host, port: 0 })
  libc().connect(fd, address, address.length)
  const request = Buffer.alloc(8 + size, size & 255)
  request.set([v6 ? 128 : 8, 0, 0, 0, 1, 2, 3, 4])
  // The kernel makes the sum of ICMPv6.
  if (!v6) request.writeUInt16BE(checksumOf(request), 2)
  libc().send(fd, request, request.length, 0)
  const answer = Buffer.alloc(2048)
  const isAnswered = (): boolean => {
    const length = libc().recv(fd, answer, answer.length, MSG_DONTWAIT)
    const message = answer.subarray(v6 ? 0 : 20, Math.max(0, length))
    return message[0] === (v6 ? 129 : 0) && message.subarray(4).equals(request.subarray(4))
  }
  for (let turn = 0; turn < 400; turn++) {
    if (isAnswered()) return libc().close(fd) === 0
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  libc().close(fd)
  return false
}

function checksumOf(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
