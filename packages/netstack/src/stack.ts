import { CodedError, copyBytes, silentLog, systemClock, type Cancel, type Clock, type DatagramFlow, type Endpoint, type Flow, type Log, type Milliseconds, type PacketDevice, type TcpRequest, type UdpRequest } from '@tunnel/flow'
import { secureRandom } from './secure-random.ts'
import { IpLayer, type IpLayerOptions } from './ip/ip-layer.ts'
import { LocalAddresses } from './ip/local-addresses.ts'
import type { TcpConnectOptions } from './tcp/tcp-connect.ts'
import { TcpLayer, type TcpLimits } from './tcp/tcp-layer.ts'
import type { TcpListener } from './tcp/tcp-listener.ts'
import { tcpSettings, type TcpSettings } from './tcp/tcp-settings.ts'
import { UdpLayer, type UdpLimits } from './udp/udp-layer.ts'
import type { UdpSocket, UdpSocketOptions } from './udp/udp-socket.ts'
import type { DropReason } from './wire/drop-counts.ts'
import { parseAddress, type IpAddress } from './wire/ip-address.ts'

export interface NetstackOptions {
  readonly device: PacketDevice
  /** Our own addresses, in text form; the first of each version is the one that connections come from. */
  readonly addresses?: readonly string[]
  /** Answers for every destination, as one who intercepts does. Default false. */
  readonly any?: boolean
  readonly clock?: Clock
  /** Uniform in [0, 1), not to be guessed: sequence numbers and ports come from it. Default: the platform's own. */
  readonly random?: () => number
  readonly tcp?: Partial<TcpSettings> & TcpLimits
  readonly udp?: UdpLimits
  readonly ip?: Pick<IpLayerOptions, 'answersEcho' | 'reassembly' | 'pathMtu' | 'icmp'>
  readonly log?: Log
}

export interface NetstackStats {
  readonly connections: number
  /** SYNs that the program has not answered; SYNs that are answered and not confirmed; connections that only wait for late segments. */
  readonly requests: number
  readonly halfOpen: number
  readonly timeWait: number
  readonly datagramFlows: number
  /** Memory taken for bytes that wait, in connections and in packets that are not whole. */
  readonly bufferBytes: number
  readonly reassemblyBytes: number
  /** Packets that were not taken, by reason. */
  readonly drops: Partial<Record<DropReason, number>>
}

/** A host of its own: IPv4 and IPv6, TCP, UDP and ICMP over one packet device. */
export interface Netstack {
  /** SYNs to ports that nobody listens on: each is answered only when the request is. Without a handler they are reset. */
  onConnect(handler: (request: TcpRequest) => void): void
  /** First datagrams of unknown pairs of endpoints. Without a handler they are answered by ICMP "port unreachable". */
  onDatagram(handler: (request: UdpRequest) => void): void
  /** Rejects with `flow.connect-refused`, `flow.connect-unreachable`, `flow.connect-timeout`, `flow.aborted`; `netstack.address`, `netstack.in-use`, `netstack.limit`. */
  connect(to: Endpoint, options?: TcpConnectOptions): Promise<Flow>
  /** Answers SYNs to `port` (of `address`, else of all) at once. Throws `netstack.in-use`, `netstack.address`. */
  listen(at: { readonly port: number; readonly address?: string }, onFlow: (flow: Flow) => void): TcpListener
  /** Throws `netstack.address`, `netstack.limit`. */
  connectDatagrams(to: Endpoint, from?: Partial<Endpoint>): DatagramFlow
  /** Throws `netstack.address`, `netstack.in-use`. */
  bind(options: UdpSocketOptions): UdpSocket
  readonly stats: NetstackStats
  /** Resets all connections, closes all flows, and then the device. */
  close(): Promise<void>
}

export function createNetstack(options: NetstackOptions): Netstack {
  return new Stack(options)
}

/** Packets that a device hands over while we are at work are kept until then; more are dropped. */
const nestedLimit = 1_024

/** The shell around the layers: it has the clock, the timer and the device, which they have not. */
class Stack implements Netstack {
  readonly #device: PacketDevice
  readonly #clock: Clock
  readonly #log: Log
  readonly #ip: IpLayer
  readonly #tcp: TcpLayer
  readonly #udp: UdpLayer
  #busy = false
  #nested: { readonly packet: Uint8Array; readonly verified: boolean }[] = []
  #flushPlanned = false
  /** Asked for while we were at work. */
  #flushWanted = false
  #closed = false
  #timerAt: Milliseconds = Number.POSITIVE_INFINITY
  #cancelTimer: Cancel | undefined

  constructor(options: NetstackOptions) {
    const { device, clock = systemClock, random = secureRandom(), log = silentLog } = options
    this.#device = device
    this.#clock = clock
    this.#log = log
    const addresses = new LocalAddresses({ addresses: (options.addresses ?? []).map(requireAddress), any: options.any ?? false })
    this.#ip = new IpLayer({ ...options.ip, device, addresses, clock, random })
    this.#udp = new UdpLayer({ ...options.udp, ip: this.#ip, clock, random, handlerFailed: (error) => this.#handlerFailed(error) })
    this.#tcp = new TcpLayer({
      ...options.tcp,
      settings: tcpSettings(options.tcp),
      ip: this.#ip,
      device,
      clock,
      random,
      wake: () => this.#planFlush(),
      handlerFailed: (error) => this.#handlerFailed(error),
    })
    device.start((packets, verified) => this.#receive(packets, verified))
  }

  get stats(): NetstackStats {
    const tcp = this.#tcp
    return {
      connections: tcp.connections,
      requests: tcp.requests,
      halfOpen: tcp.halfOpen,
      timeWait: tcp.timeWait,
      datagramFlows: this.#udp.flows,
      bufferBytes: tcp.pool.usedBytes,
      reassemblyBytes: this.#ip.heldBytes,
      drops: this.#ip.drops.toJSON(),
    }
  }

  onConnect(handler: (request: TcpRequest) => void): void {
    this.#tcp.onRequest(handler)
  }

  onDatagram(handler: (request: UdpRequest) => void): void {
    this.#udp.onRequest(handler)
  }

  connect(to: Endpoint, options?: TcpConnectOptions): Promise<Flow> {
    return this.#tcp.connect(to, options)
  }

  listen({ port, address }: { readonly port: number; readonly address?: string }, onFlow: (flow: Flow) => void): TcpListener {
    return this.#tcp.listen(port, address === undefined ? undefined : requireAddress(address), onFlow)
  }

  connectDatagrams(to: Endpoint, from?: Partial<Endpoint>): DatagramFlow {
    const flow = this.#udp.connect(to, from)
    this.#armTimer()
    return flow
  }

  bind(options: UdpSocketOptions): UdpSocket {
    return this.#udp.bind(options)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    const error = new CodedError('netstack.closed', 'The network stack was closed')
    this.#tcp.close(error)
    this.#udp.close(error)
    this.#closed = true
    this.#cancelTimer?.()
    await this.#device.close()
  }

  /** A device may call this while it is given a packet: two stacks in one process, joined without a queue. */
  #receive(packets: readonly Uint8Array[], verified = this.#device.offload.checksum): void {
    if (this.#closed) return
    if (this.#busy) {
      for (const packet of packets) if (this.#nested.length < nestedLimit) this.#nested.push({ packet: copyBytes(packet), verified })
      return
    }
    this.#work(() => {
      for (const packet of packets) this.#ip.receive(packet, verified)
    })
  }

  #planFlush(): void {
    this.#flushWanted = true
    if (this.#flushPlanned || this.#busy || this.#closed) return
    this.#flushPlanned = true
    queueMicrotask(() => {
      this.#flushPlanned = false
      if (!this.#closed) this.#work(() => {})
    })
  }

  #work(receive: () => void): void {
    this.#busy = true
    receive()
    this.#flush()
    while (this.#nested.length > 0) {
      for (const { packet, verified } of this.#nested.splice(0)) this.#ip.receive(packet, verified)
      this.#flush()
    }
    this.#busy = false
    if (this.#flushWanted) this.#planFlush()
    this.#armTimer()
  }

  #flush(): void {
    this.#flushWanted = false
    this.#tcp.flush()
  }

  /** One timer for all. It is left where it is when the time moves back: then it rings once in vain. */
  #armTimer(): void {
    const at = Math.min(this.#tcp.nextWake, this.#udp.nextWake() ?? Number.POSITIVE_INFINITY, this.#ip.nextWake() ?? Number.POSITIVE_INFINITY)
    if (at >= this.#timerAt || this.#closed) return
    this.#cancelTimer?.()
    this.#timerAt = at
    this.#cancelTimer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#timerRang())
  }

  #timerRang(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    if (this.#closed) return
    const now = this.#clock.now()
    this.#ip.expire(now)
    this.#udp.expire(now)
    this.#work(() => {})
  }

  /** A defect of the program: it is to see it as it would see any other that nobody catches. */
  #handlerFailed(error: unknown): void {
    this.#log('error', 'netstack/stack.run', 'a handler of a connection threw', { error: String(error) })
    queueMicrotask(() => {
      throw error
    })
  }
}

function requireAddress(text: string): IpAddress {
  const address = parseAddress(text)
  if (address) return address
  throw new CodedError('netstack.address', `"${text}" is no IP address: write 192.0.2.1 or 2001:db8::1`, { detail: { address: text } })
}
