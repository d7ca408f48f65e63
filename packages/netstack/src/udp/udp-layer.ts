import { CodedError, type Clock, type DatagramFlow, type Endpoint, type Milliseconds, type UdpRequest } from '@tunnel/flow'
import { quoteOf } from '../icmp/quote.ts'
import type { IpLayer } from '../ip/ip-layer.ts'
import type { ReportedError, Transport } from '../ip/transport.ts'
import { parseAddress, type IpAddress } from '../wire/ip-address.ts'
import { ipProtocol, type IpPacket } from '../wire/ip-packet.ts'
import { transportSumIsGood } from '../wire/transport-sum.ts'
import { encodeDatagramHeader, parseDatagram, udpChecksumOffset, udpHeaderBytes, type Datagram } from '../wire/udp.ts'
import { UdpFlowTable } from './flow-table.ts'
import { UdpFlow, type UdpFlowOwner, type UdpFlowSettings, type UdpPair } from './udp-flow.ts'
import { UdpFlowRequest } from './udp-request.ts'
import { UdpSocket, type UdpSocketOptions } from './udp-socket.ts'

export interface UdpLimits {
  /**
   * Flows in all, and with one remote address. For one more that somebody else begins, the one of theirs ends in which nothing has passed for longest, and is
   * counted. Defaults: 8192 and 4096.
   */
  readonly maxFlows?: number
  readonly maxFlowsPerSource?: number
  /** Datagrams, and their bytes, that wait in a flow until it is attached. Defaults: 64 and 256 KiB. */
  readonly queueLimit?: number
  readonly queueBytes?: number
  /** A flow in which nothing passes for so long is closed; by the port that was asked for, if it is a function. Default: five minutes (RFC 4787 4.3). */
  readonly idle?: Milliseconds | ((port: number) => Milliseconds)
}

export interface UdpLayerOptions extends UdpLimits {
  readonly ip: IpLayer
  readonly clock: Pick<Clock, 'now'>
  /** Uniform in [0, 1), not to be guessed: ports are chosen by it (RFC 6056). */
  readonly random: () => number
  /** Runs a call later, outside of the caller's own. Default: a microtask. */
  readonly defer?: (call: () => void) => void
  /** Gets what a handler of the user has thrown. Default: thrown anew, outside of the stack. */
  readonly handlerFailed?: (error: unknown) => void
}

const firstEphemeralPort = 49_152
const portCount = 65_536

/** UDP as a host has it: flows between two endpoints, sockets for a port, and requests for what nobody waits for. */
export class UdpLayer implements Transport {
  readonly #ip: IpLayer
  readonly #options: UdpLayerOptions
  readonly #maxFlows: number
  readonly #maxFlowsPerSource: number
  readonly #idleOf: (port: number) => Milliseconds
  readonly #handlerFailed: (error: unknown) => void
  readonly #flows: UdpFlowTable
  readonly #owner: UdpFlowOwner
  /** By port; sockets of one port differ in their addresses. */
  readonly #sockets = new Map<number, UdpSocket[]>()
  #onRequest: ((request: UdpRequest) => void) | undefined
  /** Never later than the first flow that falls idle. */
  #wake: Milliseconds | undefined

  constructor(options: UdpLayerOptions) {
    const { ip, clock, random, defer = (call) => queueMicrotask(call), maxFlows = 8192, maxFlowsPerSource = 4096, idle = 300_000 } = options
    this.#ip = ip
    this.#options = options
    this.#maxFlows = maxFlows
    this.#maxFlowsPerSource = maxFlowsPerSource
    this.#idleOf = typeof idle === 'function' ? idle : () => idle
    this.#handlerFailed = options.handlerFailed ?? throwLater
    this.#flows = new UdpFlowTable(Math.floor(random() * 2 ** 31))
    this.#owner = {
      now: () => clock.now(),
      defer,
      transmit: (pair, datagram) => this.#transmit(pair.local, pair.localPort, pair.remote, pair.remotePort, datagram),
      onDrop: () => ip.drops.count('udp.queue'),
      onActive: (flow) => this.#flows.touch(flow),
      onClosed: (flow) => this.#flows.remove(flow),
      call: (handler) => this.#call(handler),
      queueLimit: options.queueLimit ?? 64,
      queueBytes: options.queueBytes ?? 256 * 1024,
    }
    ip.register(ipProtocol.udp, this)
  }

  get flows(): number {
    return this.#flows.size
  }

  /** Takes datagrams that no flow and no socket waits for. Without a handler they are answered by "port unreachable". */
  onRequest(handler: (request: UdpRequest) => void): void {
    this.#onRequest = handler
  }

  /** A flow to `to`. Throws `netstack.address`, `netstack.limit`. */
  connect(to: Endpoint, from: Partial<Endpoint> = {}): DatagramFlow {
    const remote = requireAddress(to.address)
    const local = from.address === undefined ? this.#ip.addresses.sourceFor(remote) : requireAddress(from.address)
    if (!local) throw new CodedError('netstack.address', `This stack has no IPv${remote.version} address to send from: give it one in addresses`)
    if (this.#flows.size >= this.#maxFlows) throw limitError(this.#maxFlows)
    const localPort = from.port ?? this.#freePort((port) => !this.#sockets.has(port) && !this.#flows.find(local, port, remote, to.port))
    if (this.#flows.find(local, localPort, remote, to.port)) throw inUseError(localPort)
    return this.#addFlow({ local, localPort, remote, remotePort: to.port }, { idle: this.#idleOf(to.port), mayMakeRoom: false })
  }

  /** Takes a port. Throws `netstack.address`, `netstack.in-use`. */
  bind({ address, port, onMessage }: UdpSocketOptions): UdpSocket {
    const own = address === undefined ? undefined : requireAddress(address)
    const taken = port ?? this.#freePort((candidate) => !this.#sockets.has(candidate))
    const others = this.#sockets.get(taken) ?? []
    if (others.some((other) => !other.address || !own || other.address.equals(own))) throw inUseError(taken)
    const socket = new UdpSocket(
      taken,
      own,
      onMessage,
      ({ address: bound }, to, toPort, datagram) => {
        const source = bound ?? this.#ip.addresses.sourceFor(to)
        return source?.version === to.version && this.#transmit(source, taken, to, toPort, datagram)
      },
      (closed) => this.#unbind(closed),
    )
    this.#sockets.set(taken, [...others, socket])
    return socket
  }

  receive(packet: IpPacket, verified: boolean): void {
    const { drops } = this.#ip
    const datagram = parseDatagram(packet.bytes, packet.payloadOffset, packet.payloadLength, drops)
    if (!datagram) return
    if (!verified && !sumIsGood(packet, datagram)) return drops.count('udp.checksum')
    const flow = this.#flows.find(packet.destination, datagram.destinationPort, packet.source, datagram.sourcePort)
    if (flow) return flow.received(datagram.payload)
    const socket = this.#sockets.get(datagram.destinationPort)?.find(({ address }) => !address || address.equals(packet.destination))
    if (!socket) return this.#request(packet, datagram)
    const from = endpoint(packet.source, datagram.sourcePort)
    this.#call(() => socket.onMessage(datagram.payload, from, endpoint(packet.destination, datagram.destinationPort)))
  }

  /** What comes behind a packet in its batch is not to suffer from a handler that throws. */
  #call(handler: () => void): void {
    try {
      handler()
    } catch (error) {
      this.#handlerFailed(error)
    }
  }

  #request(packet: IpPacket, datagram: Datagram): void {
    const { drops, icmp } = this.#ip
    const onRequest = this.#onRequest
    // Port 0 is nobody's (RFC 6335 6).
    if (!onRequest || datagram.destinationPort === 0 || datagram.sourcePort === 0) {
      drops.count('udp.no-flow')
      icmp.unreachable(packet.bytes, 'port-unreachable')
      return
    }
    if (!this.#makeRoom(packet.source)) return
    const { destinationPort: localPort, sourcePort: remotePort } = datagram
    const pair = { local: packet.destination, localPort, remote: packet.source, remotePort }
    const flow = this.#addFlow(pair, { idle: this.#idleOf(localPort), mayMakeRoom: true })
    flow.received(datagram.payload)
    const quote = quoteOf(packet)
    this.#call(() => onRequest(new UdpFlowRequest(flow, (reason) => icmp.unreachable(quote, reason === 'reset' ? 'port-unreachable' : reason))))
  }

  /** False: all are the program's own. */
  #makeRoom(source: IpAddress): boolean {
    const crowded = this.#flows.countOf(source) >= this.#maxFlowsPerSource
    if (!crowded && this.#flows.size < this.#maxFlows) return true
    this.#ip.drops.count('udp.flow-limit')
    const flow = this.#flows.longestIdle(crowded ? source : undefined)
    flow?.close()
    return flow !== undefined
  }

  icmpError({ reason, quoted }: ReportedError): boolean {
    const flow = this.#flows.find(quoted.source, quoted.sourcePort, quoted.destination, quoted.destinationPort)
    if (flow && reason !== 'too-big') flow.unreachable += 1
    if (flow) return true
    return (this.#sockets.get(quoted.sourcePort) ?? []).some(({ address }) => (address ? address.equals(quoted.source) : this.#ip.addresses.accepts(quoted.source)))
  }

  nextWake(): Milliseconds | undefined {
    return this.#wake
  }

  /** Closes flows that are idle. Looks at all of them, at most once in a sixteenth of the shortest idle time among them. */
  expire(now: Milliseconds): void {
    if (this.#wake === undefined || this.#wake > now) return
    let [earliest, shortest] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (const flow of this.#flows) {
      const due = flow.lastActive + flow.idle
      if (due <= now) {
        flow.close()
        continue
      }
      earliest = Math.min(earliest, due)
      shortest = Math.min(shortest, flow.idle)
    }
    this.#wake = earliest === Number.POSITIVE_INFINITY ? undefined : Math.max(earliest, now + shortest / 16)
  }

  /** Ends all flows; for a device that is gone. */
  close(error?: CodedError): void {
    for (const flow of this.#flows) flow.close(error)
    this.#sockets.clear()
    this.#wake = undefined
  }

  #addFlow(pair: UdpPair, settings: UdpFlowSettings): UdpFlow {
    const flow = new UdpFlow(pair, this.#owner, settings)
    this.#flows.add(flow)
    const due = flow.lastActive + flow.idle
    if (this.#wake === undefined || due < this.#wake) this.#wake = due
    return flow
  }

  #unbind(socket: UdpSocket): void {
    const left = (this.#sockets.get(socket.port) ?? []).filter((other) => other !== socket)
    if (left.length > 0) this.#sockets.set(socket.port, left)
    else this.#sockets.delete(socket.port)
  }

  /** RFC 6056 3.3.1: a random start, then the next ones. */
  #freePort(isFree: (port: number) => boolean): number {
    const range = portCount - firstEphemeralPort
    const start = Math.floor(this.#options.random() * range)
    for (let offset = 0; offset < range; offset += 1) {
      const port = firstEphemeralPort + ((start + offset) % range)
      if (isFree(port)) return port
    }
    throw limitError(range)
  }

  #transmit(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, datagram: Uint8Array): boolean {
    const { output } = this.#ip
    const headerBytes = encodeDatagramHeader(localPort, remotePort, datagram.length, output.scratch, output.transportAt)
    const route = { source: local, destination: remote, protocol: ipProtocol.udp, checksumAt: udpChecksumOffset }
    return output.send(route, headerBytes, datagram.length === 0 ? [] : [datagram], datagram.length)
  }
}

/** Over IPv6 there is always a sum (RFC 8200 8.1); over IPv4 0 stands for none. It covers the datagram's own length, not padding behind it. */
function sumIsGood(packet: IpPacket, { checksum, payload }: Datagram): boolean {
  return checksum === 0 ? packet.version === 4 : transportSumIsGood(packet, udpHeaderBytes + payload.length)
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

const endpoint = (address: IpAddress, port: number): Endpoint => ({ address: String(address), port })

function requireAddress(text: string): IpAddress {
  const address = parseAddress(text)
  if (address) return address
  throw new CodedError('netstack.address', `"${text}" is no IP address: write 192.0.2.1 or 2001:db8::1`, { detail: { address: text } })
}

const limitError = (limit: number): CodedError => new CodedError('netstack.limit', `There are ${limit} flows already: close some, or raise the limit`, { detail: { limit } })
const inUseError = (port: number): CodedError => new CodedError('netstack.in-use', `Port ${port} is taken: choose another, or none`, { detail: { port } })
