import { CodedError, createAbortedError, type Clock, type Endpoint, type Flow, type FlowErrorCode, type Milliseconds, type PacketDevice, type RefuseReason, type TcpRequest } from '@tunnel/flow'
import { quoteOf } from '../icmp/quote.ts'
import type { IpLayer } from '../ip/ip-layer.ts'
import type { ReportedError, Transport } from '../ip/transport.ts'
import { foldSum, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts'
import { ipHeaderBytes } from '../wire/ip.ts'
import { isUnicast } from '../wire/address-kind.ts'
import { parseAddress, type IpAddress } from '../wire/ip-address.ts'
import { ipProtocol, maxPacketBytes, type IpPacket } from '../wire/ip-packet.ts'
import { encodeSegmentHeader, maxTcpHeaderBytes, parseSegment, tcpChecksumOffset, tcpFlag, tcpHeaderBytes, type Segment } from '../wire/tcp-segment.ts'
import { BlockPool } from './buffer/block-pool.ts'
import { ecnField } from './ecn.ts'
import { InitialNumbers } from './initial-numbers.ts'
import { resetFor } from './reset-for.ts'
import { seqAdd, type Seq } from './seq.ts'
import { SynCookies } from './syn-cookies.ts'
import { TcpConnection } from './tcp-connection.ts'
import { TcpFlow } from './tcp-flow.ts'
import { TcpListeners, type TcpListener } from './tcp-listener.ts'
import { PairTable, type TcpPair } from './tcp-pair.ts'
import { PendingRequest, type RequestOwner } from './tcp-pending-request.ts'
import { PendingRequests } from './tcp-requests.ts'
import { TcpRunner } from './tcp-runner.ts'
import type { TcpSettings } from './tcp-settings.ts'
import type { TcpFailure } from './tcp-state.ts'

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

export interface TcpConnectOptions {
  /** The address must be ours; a free port is chosen where none is given. */
  readonly from?: Partial<Endpoint>
  /** Time allowed. Default: three minutes (`giveUpConnectAfter`). */
  readonly timeout?: Milliseconds
  readonly signal?: AbortSignal
}

const firstEphemeralPort = 49_152
const portCount = 65_536
/** What is taken for the round trip where only a cookie is left of a SYN: the first timeout (RFC 6298 2.1). */
const unknownAge = 1_000

/** TCP as a host has it: connections over one IP layer, listeners, and requests for what nobody waits for. */
export class TcpLayer implements Transport, RequestOwner {
  readonly pool = new BlockPool()
  readonly #options: TcpLayerOptions
  readonly #ip: IpLayer
  readonly #settings: TcpSettings
  readonly #numbers: InitialNumbers
  readonly #flows: PairTable<TcpFlow>
  readonly #requests: PendingRequests
  readonly #listeners = new TcpListeners()
  readonly #runner: TcpRunner
  readonly #cookies: SynCookies
  readonly #maxConnections: number
  readonly #maxHalfOpen: number
  #onRequest: ((request: TcpRequest) => void) | undefined

  constructor(options: TcpLayerOptions) {
    const { ip, random, wake, handlerFailed, maxConnections = 65_536, maxRequests = 8192, maxHalfOpen = 4096, maxTimeWait = 8192 } = options
    const secret = Math.floor(random() * 2 ** 31)
    this.#options = options
    this.#ip = ip
    this.#settings = options.settings
    this.#numbers = new InitialNumbers(random)
    this.#flows = new PairTable(secret)
    this.#requests = new PendingRequests(secret, maxRequests, options.maxRequestsPerSource ?? Math.ceil((maxRequests * 2) / 3))
    this.#cookies = new SynCookies(random)
    this.#maxConnections = maxConnections
    this.#maxHalfOpen = maxHalfOpen
    this.#runner = new TcpRunner({ output: ip.output, maxHalfOpen, maxTimeWait, wake, handlerFailed, onOver: (flow) => this.#flows.remove(flow) })
    ip.register(ipProtocol.tcp, this)
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
    return Math.min(this.#runner.nextWake, this.#requests.nextWake)
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
    const flow = this.#addFlow(this.#pairTo(to, options.from ?? {}))
    flow.connection.open()
    this.#runner.schedule(flow)
    return opened(flow, to, options, this.#options.clock)
  }

  /** Runs what is ready or due. */
  flush(): void {
    const now = this.#options.clock.now()
    this.#requests.expire(now)
    this.#runner.flush(now)
  }

  receive(packet: IpPacket, verified: boolean): void {
    const { bytes, payloadOffset, payloadLength, source, destination } = packet
    const segment = parseSegment(bytes, payloadOffset, payloadLength, this.#ip.drops)
    if (!segment) return
    if (!verified && !sumIsGood(packet)) return this.#ip.drops.count('tcp.checksum')
    const flow = this.#flows.find(destination, segment.destinationPort, source, segment.sourcePort)
    if (flow && !flow.connection.yieldsTo(segment)) {
      flow.connection.receive(segment, this.#options.clock.now(), (packet.trafficClass & ecnField.mask) === ecnField.congested)
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
    if (this.#runner.halfOpen >= this.#maxHalfOpen) return this.#answerByCookie(pair, syn)
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

  /** Answers as a connection would, which is forgotten at once. */
  #answerByCookie(pair: TcpPair, syn: Segment): void {
    const now = this.#options.clock.now()
    const options = SynCookies.memorable(syn.options)
    const { connection, route } = this.#createFlow(pair, this.#cookies.make(pair, syn, now), now)
    // Of ECN nothing would be remembered.
    connection.accept({ ...syn, flags: tcpFlag.syn, options }, now)
    connection.transmit(now, (header) => {
      const { timestamp } = header.options
      const stamped = timestamp ? { ...header.options, timestamp: { ...timestamp, value: SynCookies.stamp(timestamp.value, options) } } : header.options
      const { output } = this.#ip
      output.send(route, encodeSegmentHeader({ ...header, options: stamped }, output.scratch, output.transportAt), [], 0)
      return true
    })
  }

  /** False if `segment` brings no cookie of ours back. Else the connection is now what it would be if we had kept it. */
  #receiveCookie(listener: TcpListener, pair: TcpPair, segment: Segment): boolean {
    const now = this.#options.clock.now()
    if ((segment.flags & (tcpFlag.ack | tcpFlag.rst)) !== tcpFlag.ack || this.#flows.size >= this.#maxConnections) return false
    const options = this.#cookies.recall(pair, segment, now)
    if (!options) return false
    const age = options.timestamp ? (this.#numbers.timestampOffset(pair) + Math.floor(now) - options.timestamp.echo) | 0 : unknownAge
    const answered = now - Math.max(0, age)
    const flow = this.#createFlow(pair, seqAdd(segment.ack, -1), answered)
    flow.connection.accept({ ...segment, seq: seqAdd(segment.seq, -1), flags: tcpFlag.syn, options }, answered)
    flow.connection.transmit(answered, () => true)
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
    const now = this.#options.clock.now()
    const flow = this.#createFlow(pair, this.#numbers.sequence(pair, now), now)
    this.#flows.add(flow)
    return flow
  }

  #createFlow(pair: TcpPair, initialSequence: Seq, now: Milliseconds): TcpFlow {
    const { device } = this.#options
    const headers = ipHeaderBytes(pair.remote.version) + tcpHeaderBytes
    const connection = new TcpConnection({
      localPort: pair.localPort,
      remotePort: pair.remotePort,
      initialSequence,
      timestampOffset: this.#numbers.timestampOffset(pair),
      mss: Math.min(device.mtu, maxPacketBytes) - headers,
      offloadBytes: Math.max(0, Math.min(device.offload.segmentationBytes, maxPacketBytes) - headers + tcpHeaderBytes - maxTcpHeaderBytes),
      pool: this.pool,
      // RFC 9293 MUST-15: what a peer takes that names no size.
      defaultPeerMss: pair.remote.version === 4 ? 536 : 1220,
      settings: this.#settings,
      now,
    })
    const pathBytes = this.#ip.output.mtuTo(pair.remote)
    if (pathBytes < device.mtu) connection.pathShrunk(pathBytes - headers)
    const { hopLimit, trafficClass, sendLimitBytes } = this.#settings
    const route = { source: pair.local, destination: pair.remote, protocol: ipProtocol.tcp, checksumAt: tcpChecksumOffset, hopLimit, trafficClass: trafficClass & ~ecnField.mask }
    return new TcpFlow(pair, route, connection, this.#runner, sendLimitBytes)
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

  #pairTo(to: Endpoint, from: Partial<Endpoint>): TcpPair {
    if (this.#flows.size >= this.#maxConnections) {
      throw new CodedError('netstack.limit', `There are ${this.#maxConnections} connections already: close some, or raise maxConnections`)
    }
    const remote = requireAddress(to.address)
    // RFC 9293 MUST-46.
    if (!isUnicast(remote)) throw new CodedError('netstack.address', `${to.address} is not the address of one host: connect to one that is`)
    const local = from.address === undefined ? this.#ip.addresses.sourceFor(remote) : requireAddress(from.address)
    if (!local) throw new CodedError('netstack.address', `This stack has no IPv${remote.version} address to connect from: give it one in addresses`)
    const isFree = (port: number): boolean => !this.#flows.find(local, port, remote, to.port)
    if (from.port !== undefined && !isFree(from.port)) throw new CodedError('netstack.in-use', `Port ${from.port} is connected to ${to.address} already`)
    return { local, localPort: from.port ?? this.#freePort(isFree), remote, remotePort: to.port }
  }

  /** RFC 6056 3.3.1: a random start, then the next ones. */
  #freePort(isFree: (port: number) => boolean): number {
    const range = portCount - firstEphemeralPort
    const start = Math.floor(this.#options.random() * range)
    for (let offset = 0; offset < range; offset += 1) {
      const port = firstEphemeralPort + ((start + offset) % range)
      if (isFree(port)) return port
    }
    throw new CodedError('netstack.limit', `All ${range} ports are connected to that endpoint already: close some connections`)
  }
}

function sumIsGood({ bytes, payloadOffset, payloadLength, source, destination }: IpPacket): boolean {
  const pseudo = pseudoHeaderSum(source, destination, ipProtocol.tcp, payloadLength)
  return foldSum(sumBytes(bytes, payloadOffset, payloadOffset + payloadLength, pseudo)) === 0xffff
}

/** Settles when the handshake of `flow` is over, or not wanted any more. */
function opened(flow: TcpFlow, to: Endpoint, { signal, timeout }: TcpConnectOptions, clock: Clock): Promise<Flow> {
  return new Promise((resolve, reject) => {
    let timedOut = false
    const abort = (): void => flow.reset(createAbortedError())
    const cancel =
      timeout === undefined
        ? undefined
        : clock.after(timeout, () => {
            timedOut = true
            abort()
          })
    flow.onOpened = (failure) => {
      cancel?.()
      signal?.removeEventListener('abort', abort)
      if (failure) reject(connectError(timedOut ? 'timeout' : failure, to))
      else resolve(flow)
    }
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
  })
}

const codes: Readonly<Record<TcpFailure, FlowErrorCode>> = {
  reset: 'flow.connect-refused',
  refused: 'flow.connect-refused',
  timeout: 'flow.connect-timeout',
  unreachable: 'flow.connect-unreachable',
  aborted: 'flow.aborted',
}
const reasons: Readonly<Record<TcpFailure, string>> = {
  reset: 'the connection was reset while it opened',
  refused: 'nothing listens there',
  timeout: 'no answer',
  unreachable: 'no way leads there',
  aborted: 'given up',
}

function connectError(failure: TcpFailure, { address, port }: Endpoint): CodedError {
  return new CodedError(codes[failure], `Cannot connect to ${address} port ${port}: ${reasons[failure]}`, { detail: { address, port } })
}

function requireAddress(text: string): IpAddress {
  const address = parseAddress(text)
  if (address) return address
  throw new CodedError('netstack.address', `"${text}" is no IP address: write 192.0.2.1 or 2001:db8::1`, { detail: { address: text } })
}
