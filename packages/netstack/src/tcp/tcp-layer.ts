import { CodedError, type Clock, type Endpoint, type Flow, type Milliseconds, type PacketDevice, type RefuseReason, type TcpRequest } from '@tunnel/flow'
import { quoteOf } from '../icmp/quote.ts'
import type { IpLayer } from '../ip/ip-layer.ts'
import type { ReportedError, Transport } from '../ip/transport.ts'
import { foldSum, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts'
import { ipHeaderBytes } from '../wire/ip.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { ipProtocol, type IpPacket } from '../wire/ip-packet.ts'
import { encodeSegmentHeader, parseSegment, tcpChecksumOffset, tcpFlag, tcpHeaderBytes, type Segment } from '../wire/tcp-segment.ts'
import type { BlockPool } from './buffer/block-pool.ts'
import { CookieHandshake } from './cookie-handshake.ts'
import { ecnField } from './ecn.ts'
import { EphemeralPorts } from './ephemeral-ports.ts'
import { FlowFactory } from './flow-factory.ts'
import { resetFor } from './reset-for.ts'
import type { Seq } from './seq.ts'
import { opened, type TcpConnectOptions } from './tcp-connect.ts'
import type { TcpFlow } from './tcp-flow.ts'
import { TcpListeners, type TcpListener } from './tcp-listener.ts'
import { PairTable, type TcpPair } from './tcp-pair.ts'
import { PendingRequest, type RequestOwner } from './tcp-pending-request.ts'
import { PendingRequests } from './tcp-requests.ts'
import { TcpRunner } from './tcp-runner.ts'
import type { TcpSettings } from './tcp-settings.ts'

export interface TcpLimits {
  /** Connections in all. Default 65,536. */
  readonly maxConnections?: number
  /** SYNs that wait for an answer of the program, in all and of one source; more are dropped. Defaults: 8192 and two thirds of it. */
  readonly maxRequests?: number
  readonly maxRequestsPerSource?: number
  /**
   * Answered SYNs whose askers have not spoken since. Of more, those to listeners are answered by SYN cookies, and of accepted requests the oldest makes room.
   * Default 4096.
   */
  readonly maxHalfOpen?: number
  /** Connections in TIME-WAIT; the oldest makes room. Default 8192. */
  readonly maxTimeWait?: number
}

export interface TcpLayerOptions extends TcpLimits {
  readonly ip: IpLayer
  readonly device: Pick<PacketDevice, 'mtu' | 'offload'>
  readonly clock: Clock
  /** Uniform in [0, 1), not to be guessed. */
  readonly random: () => number
  readonly settings: TcpSettings
  /** Asks that `flush` be called soon, outside of the caller's own call. */
  readonly wake: () => void
  /** Gets what a handler of a flow has thrown. */
  readonly handlerFailed: (error: unknown) => void
}

/** TCP as a host has it: connections over one IP layer, listeners, and requests for what nobody waits for. */
export class TcpLayer implements Transport, RequestOwner {
  readonly #options: TcpLayerOptions
  readonly #ip: IpLayer
  readonly #factory: FlowFactory
  readonly #flows: PairTable<TcpFlow>
  readonly #requests: PendingRequests
  readonly #listeners = new TcpListeners()
  readonly #runner: TcpRunner
  readonly #cookies: CookieHandshake
  readonly #ports: EphemeralPorts
  readonly #maxConnections: number
  readonly #maxHalfOpen: number
  #onRequest: ((request: TcpRequest) => void) | undefined
  /** All that comes between two flushes has come at one time: a look at the clock for each segment is not free. */
  #receivedAt: Milliseconds | undefined

  constructor(options: TcpLayerOptions) {
    const { ip, random, wake, handlerFailed, maxConnections = 65_536, maxRequests = 8192, maxHalfOpen = 4096, maxTimeWait = 8192 } = options
    const secret = Math.floor(random() * 2 ** 31)
    this.#options = options
    this.#ip = ip
    this.#flows = new PairTable(secret)
    this.#requests = new PendingRequests(secret, maxRequests, options.maxRequestsPerSource ?? Math.ceil((maxRequests * 2) / 3))
    this.#maxConnections = maxConnections
    this.#maxHalfOpen = maxHalfOpen
    this.#runner = new TcpRunner({ output: ip.output, maxHalfOpen, maxTimeWait, wake, handlerFailed, onOver: (flow) => this.#flows.remove(flow) })
    this.#factory = new FlowFactory({ device: options.device, output: ip.output, settings: options.settings, owner: this.#runner, random })
    this.#cookies = new CookieHandshake(this.#factory, ip.output, random)
    this.#ports = new EphemeralPorts(ip.addresses, this.#flows, random)
    ip.register(ipProtocol.tcp, this)
  }

  get pool(): BlockPool {
    return this.#factory.pool
  }

  get connections(): number {
    return this.#flows.size
  }

  get requests(): number {
    return this.#requests.size
  }

  get halfOpen(): number {
    return this.#runner.halfOpen
  }

  get timeWait(): number {
    return this.#runner.timeWait
  }

  /** When `flush` has something to do; infinity if never. */
  get nextWake(): Milliseconds {
    return Math.min(this.#runner.nextWake, this.#requests.nextWake, this.pool.wakeAt)
  }

  /** Takes SYNs that no listener waits for. Without a handler they are reset. */
  onRequest(handler: (request: TcpRequest) => void): void {
    this.#onRequest = handler
  }

  /** Answers SYNs to a port at once; `onFlow` gets each connection when its handshake is done. Throws `netstack.in-use`. */
  listen(port: number, address: IpAddress | undefined, onFlow: (flow: Flow) => void): TcpListener {
    return this.#listeners.add(port, address, onFlow)
  }

  /**
   * Opens a connection. Rejects with `flow.connect-refused`, `flow.connect-unreachable`, `flow.connect-timeout`, `flow.aborted`; with
   * `netstack.address`, `netstack.in-use` and `netstack.limit` where it cannot even begin.
   */
  async connect(to: Endpoint, options: TcpConnectOptions = {}): Promise<Flow> {
    if (this.#flows.size >= this.#maxConnections) {
      throw new CodedError('netstack.limit', `There are ${this.#maxConnections} connections already: close some, or raise maxConnections`)
    }
    const flow = this.#addFlow(this.#ports.pairTo(to, options.from ?? {}))
    flow.connection.open()
    this.#runner.schedule(flow)
    return opened(flow, to, options, this.#options.clock)
  }

  /** Runs what is ready or due. */
  flush(): void {
    const now = this.#options.clock.now()
    this.#receivedAt = undefined
    this.#requests.expire(now)
    this.#runner.flush(now)
    this.pool.tidy(now)
  }

  receive(packet: IpPacket, verified: boolean): void {
    const { bytes, payloadOffset, payloadLength, source, destination } = packet
    const segment = parseSegment(bytes, payloadOffset, payloadLength, this.#ip.drops)
    if (!segment) return
    if (!verified && !sumIsGood(packet)) return this.#ip.drops.count('tcp.checksum')
    const flow = this.#flows.find(destination, segment.destinationPort, source, segment.sourcePort)
    if (flow && !flow.connection.yieldsTo(segment)) {
      this.#receivedAt ??= this.#options.clock.now()
      flow.connection.receive(segment, this.#receivedAt, (packet.trafficClass & ecnField.mask) === ecnField.congested)
      this.#runner.schedule(flow)
      return
    }
    if (flow) this.#forget(flow)
    this.#receiveUnknown(packet, segment)
  }

  icmpError({ reason, mtu, quoted }: ReportedError): boolean {
    const flow = this.#flows.find(quoted.source, quoted.sourcePort, quoted.destination, quoted.destinationPort)
    if (!flow?.connection.isInFlight(quoted.word1 as Seq)) return false
    if (reason === 'too-big') flow.connection.pathShrunk(mtu - ipHeaderBytes(quoted.version) - tcpHeaderBytes)
    else if (reason === 'port-unreachable' || reason === 'protocol-unreachable') flow.connection.unreachable(true)
    else if (reason === 'host-unreachable' || reason === 'prohibited') flow.connection.unreachable(false)
    if (reason !== 'too-big') flow.connection.reports.add({ kind: 'icmp', reason })
    this.#runner.schedule(flow)
    return true
  }

  /** The program takes a request: only now the SYN is answered. */
  accepted(request: PendingRequest): Flow {
    this.#requests.remove(request)
    const flow = this.#acceptSyn(request.pair, request.syn)
    // The asker is gone: his flow says so.
    if (request.abandoned) flow.connection.drop()
    return flow
  }

  /** The program does not take it, and says why. */
  refused(request: PendingRequest, reason: RefuseReason): void {
    this.#requests.remove(request)
    if (reason === 'reset') this.#reset(request.pair, request.syn)
    else this.#ip.icmp.unreachable(request.quote, reason)
  }

  /** Ends all connections with a reset, for a stack that is closed. */
  close(error: CodedError): void {
    this.#listeners.clear()
    this.#requests.clear()
    const flows = this.#flows.members()
    for (const flow of flows) flow.reset(error)
    this.flush()
    for (const flow of flows) this.#forget(flow)
  }

  #receiveUnknown(packet: IpPacket, segment: Segment): void {
    const pair = { local: packet.destination, localPort: segment.destinationPort, remote: packet.source, remotePort: segment.sourcePort }
    const waiting = this.#requests.find(pair)
    if (waiting && this.#requests.receive(waiting, segment, this.#options.clock.now())) return
    const isSyn = (segment.flags & (tcpFlag.syn | tcpFlag.ack | tcpFlag.rst)) === tcpFlag.syn
    const listener = this.#listeners.find(pair.localPort, pair.local)
    if (!isSyn && listener && this.#receiveCookie(listener, pair, segment)) return
    // Port 0 is nobody's (RFC 6335 6).
    if (!isSyn || (!listener && !this.#onRequest) || pair.localPort === 0 || pair.remotePort === 0) this.#reset(pair, segment)
    else if (this.#flows.size >= this.#maxConnections) this.#ip.drops.count('tcp.connection-limit')
    else if (listener) this.#listenerAccepts(listener, pair, segment)
    else this.#request(packet, pair, segment)
  }

  #listenerAccepts(listener: TcpListener, pair: TcpPair, syn: Segment): void {
    if (this.#runner.halfOpen >= this.#maxHalfOpen) return this.#cookies.answer(pair, syn, this.#options.clock.now())
    this.#announce(listener, this.#acceptSyn(pair, syn))
  }

  #announce(listener: TcpListener, flow: TcpFlow): void {
    flow.onOpened = (failure) => {
      if (!failure) listener.onFlow(flow)
    }
  }

  #request(packet: IpPacket, pair: TcpPair, syn: Segment): void {
    if (!this.#requests.hasRoomFor(pair)) return this.#ip.drops.count('tcp.request-limit')
    const request = new PendingRequest(pair, syn, quoteOf(packet), this, this.#options.clock.now())
    this.#requests.add(request)
    try {
      this.#onRequest?.(request)
    } catch (error) {
      this.#options.handlerFailed(error)
    }
  }

  /** False if `segment` brings no cookie of ours back. */
  #receiveCookie(listener: TcpListener, pair: TcpPair, segment: Segment): boolean {
    if (this.#flows.size >= this.#maxConnections) return false
    const now = this.#options.clock.now()
    const flow = this.#cookies.recall(pair, segment, now)
    if (!flow) return false
    this.#flows.add(flow)
    flow.connection.receive(segment, now)
    this.#announce(listener, flow)
    this.#runner.schedule(flow)
    return true
  }

  #acceptSyn(pair: TcpPair, syn: Segment): TcpFlow {
    const flow = this.#addFlow(pair)
    flow.connection.accept(syn, this.#options.clock.now())
    this.#runner.addHalfOpen(flow)
    this.#runner.schedule(flow)
    return flow
  }

  #addFlow(pair: TcpPair): TcpFlow {
    const flow = this.#factory.create(pair, this.#options.clock.now())
    this.#flows.add(flow)
    return flow
  }

  #forget(flow: TcpFlow): void {
    this.#runner.remove(flow)
    this.#flows.remove(flow)
  }

  #reset({ local, remote }: TcpPair, segment: Segment): void {
    const answer = resetFor(segment)
    if (!answer) return
    const { output } = this.#ip
    const headerBytes = encodeSegmentHeader(answer, output.scratch, output.transportAt)
    output.send({ source: local, destination: remote, protocol: ipProtocol.tcp, checksumAt: tcpChecksumOffset }, headerBytes, [], 0)
  }

}

function sumIsGood({ bytes, payloadOffset, payloadLength, source, destination }: IpPacket): boolean {
  const pseudo = pseudoHeaderSum(source, destination, ipProtocol.tcp, payloadLength)
  return foldSum(sumBytes(bytes, payloadOffset, payloadOffset + payloadLength, pseudo)) === 0xffff
}
