import { writeFileSync } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '@tunnel/flow'
import { openRouteControl, openTunDevice, type TunDevice } from '@tunnel/linux'
import type { Device, DeviceDatagrams, DeviceInfo, DeviceListener, DeviceOptions, DeviceSocket, Lab, SocketFailure } from './lab.ts'
import { versionOf } from './packet.ts'
import { EAGAIN, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EINPROGRESS, ENETUNREACH, EPIPE, ETIMEDOUT, ipv6Only, PosixError, PosixSocket, solSocket, solTcp, unshareNetwork } from './posix.ts'
import { RawPeer } from './raw-peer.ts'
import { deviceAddresses } from './stack-lab.ts'

/** The kernel behind a TUN, in a network of its own; many labs share it, each with addresses that no other has. */
export interface KernelHost {
  open(options?: DeviceOptions): Lab
  close(): Promise<void>
}

/** Settings of the new network alone: with the kernel's own values some cases would take a minute. */
const settings: Readonly<Record<string, number>> = { 'ipv6/ip6frag_time': 1, 'ipv4/ipfrag_time': 1, 'ipv6/icmp/ratelimit': 0, 'ipv4/icmp_ratelimit': 0 }

/** Needs root. The calling thread is in another network from now on. */
export function openKernelHost(): KernelHost {
  unshareNetwork()
  for (const [name, value] of Object.entries(settings)) writeFileSync(`/proc/sys/net/${name}`, String(value))
  const tun = openTunDevice({ mtu: 1500, offloads: 'none' })
  const control = openRouteControl()
  control.addAddress({ family: 4, address: deviceAddresses.v4, prefixLength: 32, device: tun.name })
  control.addAddress({ family: 6, address: deviceAddresses.v6, prefixLength: 128, device: tun.name })
  control.addRoutes([
    { family: 4, destination: '10.78.0.0/16', device: tun.name },
    { family: 6, destination: 'fd78::/64', device: tun.name },
  ])
  control.close()
  const peers: RawPeer[] = []
  tun.start((packets) => {
    for (const packet of packets) deliver(packet, peers)
  })
  return {
    open: (options = {}) => openLab(tun, peers, options),
    close: () => tun.close(),
  }
}

function deliver(packet: Uint8Array, peers: readonly RawPeer[]): void {
  const to = (packet[0] ?? 0) >> 4 === 4 ? packet.subarray(16, 20).join('.') : `fd78::${packet[37]?.toString(16)}:2`
  // What the kernel says to the link by itself is nobody's.
  peers.find((peer) => peer.has(to))?.receive(packet)
}

function openLab(tun: TunDevice, peers: RawPeer[], options: DeviceOptions): Lab {
  const number = peers.length + 1
  const time = {
    get now() {
      return performance.now()
    },
    passes: (span: number) => sleep(span),
    // The link is looked at between timers and immediates, and read in the immediate after: without these turns a busy process would miss what came in time.
    waits: async (span: number) => {
      if (span > 0) await sleep(1)
      else for (let turn = 0; turn < 3; turn += 1) await nextTurn()
    },
  }
  const peer = new RawPeer(`10.78.${number}.2`, `fd78::${number.toString(16)}:2`, time, (packet) => void tun.transmit([packet]))
  peers.push(peer)
  const device = new KernelDevice(options)
  return {
    kind: 'kernel',
    device,
    peer,
    port: 7_000 + 20 * number,
    get now() {
      return time.now
    },
    passes: time.passes,
    waits: time.waits,
    close: async () => device.closeAll(),
  }
}

class KernelDevice implements Device {
  readonly v4 = deviceAddresses.v4
  readonly v6 = deviceAddresses.v6
  readonly #options: DeviceOptions
  readonly #open: { close(): void }[] = []

  constructor(options: DeviceOptions) {
    this.#options = options
  }

  listen(port: number): DeviceListener {
    const socket = this.#socket('stream', 6)
    socket.set(ipv6Only.level, ipv6Only.name, 0)
    socket.bind('::', port)
    socket.listen(this.#options.backlog ?? 100)
    const accept = (): DeviceSocket | undefined => {
      const made = socket.accept()
      return made && this.#keep(new KernelSocket(made, true))
    }
    return this.#keep({ accept, close: once(() => socket.close()) })
  }

  connect({ address, port }: Endpoint, fromPort?: number): DeviceSocket {
    const version = versionOf(address)
    const socket = this.#socket('stream', version)
    if (fromPort !== undefined) socket.bind(version === 4 ? '0.0.0.0' : '::', fromPort)
    const errno = socket.connect(address, port)
    if (errno !== 0 && errno !== EINPROGRESS) throw new PosixError('connect', errno)
    return this.#keep(new KernelSocket(socket, false))
  }

  bind(port: number): DeviceDatagrams {
    const socket = this.#socket('datagram', 6)
    socket.set(ipv6Only.level, ipv6Only.name, 0)
    socket.bind('::', port)
    return this.#keep(new KernelDatagrams(socket))
  }

  connectDatagrams({ address, port }: Endpoint): DeviceDatagrams {
    const socket = this.#socket('datagram', versionOf(address))
    socket.connect(address, port)
    return this.#keep(new KernelDatagrams(socket, { address, port }))
  }

  closeAll(): void {
    for (const socket of this.#open) socket.close()
  }

  #socket(type: 'stream' | 'datagram', version: 4 | 6): PosixSocket {
    const { receiveBufferBytes, userTimeout, nagle = false, orphanTimeout } = this.#options
    const socket = PosixSocket.open(version, type)
    socket.set(solSocket.level, solSocket.reuseAddress, 1)
    if (receiveBufferBytes !== undefined) socket.set(solSocket.level, solSocket.receiveBuffer, receiveBufferBytes)
    if (type === 'datagram') return socket
    if (!nagle) socket.set(solTcp.level, solTcp.noDelay, 1)
    if (userTimeout !== undefined) socket.set(solTcp.level, solTcp.userTimeout, userTimeout)
    if (orphanTimeout !== undefined) socket.set(solTcp.level, solTcp.linger2, orphanTimeout / 1000)
    return socket
  }

  #keep<T extends { close(): void }>(socket: T): T {
    this.#open.push(socket)
    return socket
  }
}

/** Descriptors are used again: each is closed once. */
function once(close: () => void): () => void {
  let closed = false
  return () => {
    if (!closed) close()
    closed = true
  }
}

const failures = new Map<number, SocketFailure>([
  [ECONNREFUSED, 'refused'],
  [ECONNRESET, 'reset'],
  [EPIPE, 'reset'],
  [ETIMEDOUT, 'timeout'],
  [EHOSTUNREACH, 'unreachable'],
  [ENETUNREACH, 'unreachable'],
])

class KernelSocket implements DeviceSocket {
  heard = ''
  ended = false
  readonly close: () => void
  readonly #socket: PosixSocket
  #failure: SocketFailure | undefined
  #opened: boolean
  #unsent = ''
  #closed = false

  constructor(socket: PosixSocket, opened: boolean) {
    this.#socket = socket
    this.#opened = opened
    this.close = once(() => {
      this.#closed = true
      socket.close()
    })
  }

  get opened(): boolean {
    if (!this.#opened && !this.failure) this.#opened = this.#socket.isConnected()
    if (this.#opened && this.#unsent !== '') this.send(this.#unsent)
    return this.#opened
  }

  get failure(): SocketFailure | undefined {
    if (this.#closed) return this.#failure
    const errno = this.#socket.takeError()
    if (errno !== 0) this.#failure = failures.get(errno) ?? 'other'
    return this.#failure
  }

  /** struct tcp_info of linux/tcp.h. */
  info(): DeviceInfo {
    const info = this.#socket.get(solTcp.level, solTcp.info, 84)
    const u32 = (at: number): number => info.getUint32(at, true)
    return { established: info.getUint8(0) === 1, inLoss: info.getUint8(1) === 4, retransmissionTimeout: u32(8) / 1000, roundTripMeasured: u32(68) > 0, windowSegments: u32(80) }
  }

  /** What the socket does not take yet waits here, as it would in a blocking call. */
  send(data: string): void {
    const sent = this.#socket.send(new TextEncoder().encode(data))
    this.#unsent = data.slice(Math.max(0, sent))
    if (sent < 0 && sent !== -EAGAIN) this.#failure = failures.get(-sent) ?? 'other'
  }

  async read(): Promise<void> {
    for (;;) {
      const data = this.#socket.receive()
      if (typeof data === 'number') {
        if (data !== EAGAIN) this.#failure = failures.get(data) ?? this.#failure
        return
      }
      this.ended ||= data.length === 0
      if (data.length === 0) return
      this.heard += new TextDecoder().decode(data)
    }
  }

  shutdown(): void {
    this.#socket.shutdown()
  }

  abort(): void {
    this.#socket.set(solSocket.level, solSocket.linger, 1, 0)
    this.close()
  }
}

class KernelDatagrams implements DeviceDatagrams {
  readonly heard: { data: Uint8Array; from: Endpoint }[] = []
  readonly close: () => void
  failure: SocketFailure | undefined
  readonly #socket: PosixSocket
  readonly #connected: Endpoint | undefined

  constructor(socket: PosixSocket, connected?: Endpoint) {
    this.#socket = socket
    this.#connected = connected
    this.close = once(() => socket.close())
  }

  send(data: Uint8Array, to: Endpoint): void {
    this.#fail(-this.#socket.send(data, this.#connected ? undefined : { ...to, address: versionOf(to.address) === 4 ? `::ffff:${hexOf(to.address)}` : to.address }))
  }

  async read(): Promise<void> {
    for (;;) {
      const data = this.#socket.receive()
      if (typeof data === 'number') return this.#fail(data)
      this.heard.push({ data, from: this.#connected ?? { address: '', port: 0 } })
    }
  }

  #fail(errno: number): void {
    if (errno > 0 && errno !== EAGAIN) this.failure = failures.get(errno) ?? 'other'
  }
}

/** An IPv4 address as the last two words of an IPv6 one. */
function hexOf(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}
