import { CodedError, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import { ContentType, encodeString, encodeUint64, FrameReader, HeaderId, replyFor, uint32Header, type Frame, type FrameRefusal } from '../wire.ts'
import { connInspectAnswer, inspectAnswer, latencyAnswer, traceRouteAnswer, type Draft } from './answers.ts'
import { ConnectionTable, type ChannelReceiver } from './connection-table.ts'
import { DrainQueue, type Drainable } from './drain-queue.ts'
import { connIdHeader, FrameWriter, replyForHeader, type ByteSink } from './frame-writer.ts'
import { helloBody, helloHeaders, parseHelloResult, type RouterHello } from './hello.ts'
import { LatencyProbe, probeTimeout } from './latency-probe.ts'
import { PendingReplies, type Reply } from './pending-replies.ts'
import { parseReason } from './reason.ts'
import { ReceiveRoom } from './receive-room.ts'

/** The byte stream below a channel: TLS in life, memory in tests. Its owner feeds `Channel.reader` and `Channel.lost`. */
export interface ChannelTransport extends ByteSink {
  pauseReading(): void
  resumeReading(): void
  /** Ends it after what was written, and resolves when it is gone. */
  close(): Promise<void>
}

export interface ChannelOptions {
  /** Names the router in messages and in the pool. */
  readonly url: string
  readonly transport: ChannelTransport
  readonly clock: Clock
  readonly log: Log
  /** Of the token of the hello, by the clock. Absent: it does not expire. */
  readonly tokenExpiresAt?: Milliseconds | undefined
  /** Runs a call at the end of the present turn. Default `setImmediate`. */
  readonly schedule?: (call: () => void) => void
  /** What circuits that are not read may keep together beyond their own bounds, where others share the channel. Default: 16 MiB. */
  readonly receiveRoomBytes?: number
}

export interface ChannelStats {
  framesIn: number
  framesOut: number
  /** Frames of a type that we do not know. */
  unknownTypes: number
  /** Frames for connection ids that nobody has. */
  unknownConnections: number
  /** Replies to requests that had timed out or were never made. */
  lateReplies: number
  /** Circuits that ended because a message could not be decrypted. */
  undecipherable: number
  /** Questions that were not answered because too much was unsent. */
  droppedAnswers: number
}

/** Unsent bytes at which senders are told to wait. */
export const unsentLimitBytes = 1024 * 1024
/** Unsent bytes at which questions and dials of the router stay unanswered, and none of ours are added. */
const answerLimitBytes = 8 * unsentLimitBytes
/** Shorter lives end because of the token: an unknown one is closed after 5.2 s (protocol section 11.1). */
export const unprovenLife: Milliseconds = 7_000
const updateTokenTimeout: Milliseconds = 10_000
/** Bytes behind which a router may have stopped reading, although the kernel has taken them all; one circuit's queue there holds more. */
const suspectBytes = 64 * 1024

const noStats = (): ChannelStats => ({
  framesIn: 0,
  framesOut: 0,
  unknownTypes: 0,
  unknownConnections: 0,
  lateReplies: 0,
  undecipherable: 0,
  droppedAnswers: 0,
})
const none = new Uint8Array(0)

/**
 * One connection to a router as a state machine without I/O: frames in, frames out, time from the clock. Carries
 * requests and replies, routes frames to circuits and binds, and shares out the room for sending.
 */
export class Channel {
  readonly url: string
  readonly writer: FrameWriter
  readonly reader: FrameReader
  readonly connections = new ConnectionTable()
  /** For circuits that are not read, while others are. */
  readonly receiveRoom: ReceiveRoom
  readonly stats: ChannelStats = noStats()
  readonly #options: ChannelOptions
  readonly #pending: PendingReplies
  readonly #drains: DrainQueue
  readonly #readHolds = new Set<object>()
  readonly #closeListeners = new Set<(error: CodedError) => void>()
  #probe: LatencyProbe | undefined
  #hello: RouterHello | undefined
  #sequence = 0
  #lastRead: Milliseconds
  /** Up to here the router has read: it answered a request that ended there. */
  #takenPosition = 0
  #welcomeAt: Milliseconds | undefined
  #proven = false
  #closed: CodedError | undefined

  constructor(options: ChannelOptions) {
    const schedule = options.schedule ?? setImmediate
    this.#options = options
    this.url = options.url
    this.receiveRoom = new ReceiveRoom(options.receiveRoomBytes)
    this.#lastRead = options.clock.now()
    this.#pending = new PendingReplies(options.clock)
    this.#drains = new DrainQueue({ room: () => unsentLimitBytes - this.writer.unsentBytes, schedule })
    this.writer = new FrameWriter({ sink: options.transport, schedule, progress: () => this.#drains.progress() })
    this.reader = new FrameReader({
      frame: (frame) => this.#receive(frame),
      refused: (reason) => this.#malformed(reason),
    })
  }

  get hello(): RouterHello | undefined {
    return this.#hello
  }

  get closed(): CodedError | undefined {
    return this.#closed
  }

  /** Mean of the probes. */
  get latency(): Milliseconds {
    return this.#probe?.mean ?? 0
  }

  /** It answers no probes, yet is not known to be dead. */
  get silent(): boolean {
    return this.#probe?.silent ?? false
  }

  get unsentBytes(): number {
    return this.writer.unsentBytes
  }

  /**
   * Whether the token of the hello has expired. A router 2.0.3 asks the controller for UpdateBind with that token for ever,
   * whatever UpdateToken brought, and is refused (docs/real-network.md).
   */
  get helloExpired(): boolean {
    const { clock, tokenExpiresAt = Infinity } = this.#options
    return clock.now() >= tokenExpiresAt
  }

  get readingPaused(): boolean {
    return this.#readHolds.size > 0
  }

  /** Says hello; `connectTime` is what connecting took, the first latency. Rejects with `channel.rejected`, `channel.timeout` or what closed the channel. */
  open(token: string, timeout: Milliseconds, connectTime: Milliseconds = 0): Promise<RouterHello> {
    return new Promise((resolve, reject) => {
      this.request({ contentType: ContentType.Hello, headers: helloHeaders(token), body: helloBody() }, timeout, (reply) => {
        const result = typeof reply === 'string' ? this.#noReply(reply, 'hello') : this.#welcome(reply, connectTime)
        if (result instanceof CodedError) {
          void this.close(result)
          reject(result)
        } else resolve(result)
      })
      this.writer.flush()
    })
  }

  /** Replaces the token of the channel (protocol section 3.8). */
  updateToken(token: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.request({ contentType: ContentType.UpdateToken, headers: [], body: encodeString(token) }, updateTokenTimeout, (reply) => {
        if (typeof reply === 'string') return reject(this.#noReply(reply, 'UpdateToken'))
        if (reply.contentType === ContentType.UpdateTokenSuccess) return resolve()
        const reason = parseReason(reply.body)
        reject(new CodedError('channel.unauthorized', `${this.url} refused the new token: ${reason}`, { detail: { reason } }))
      })
    })
  }

  /** Sends a frame; its sequence is returned. After the end of the channel nothing happens. */
  send({ contentType, headers, body = none }: Draft): number {
    const sequence = this.#takeSequence()
    if (!this.#closed) this.writer.frame(contentType, sequence, headers, body)
    return sequence
  }

  request(draft: Draft, timeout: Milliseconds, reply: Reply): void {
    if (this.#closed) return reply('closed')
    const sequence = this.send(draft)
    const { position } = this.writer
    this.#pending.add(sequence, timeout, (answer) => {
      if (typeof answer !== 'string') this.#takenPosition = Math.max(this.#takenPosition, position)
      reply(answer)
    })
  }

  /** Place for the body of a Data frame, to be filled at once. Not to be called on a closed channel. */
  data(connId: number, flags: number, bodyBytes: number): Uint8Array {
    return this.writer.data(this.#takeSequence(), connId, flags, bodyBytes)
  }

  sendClosed(connId: number, reason: string): void {
    this.send(closedDraft(connId, reason))
  }

  /** Whether a sender should wait; who does is told by `drained`, in turn. */
  get full(): boolean {
    return this.writer.unsentBytes >= unsentLimitBytes
  }

  /** The router has not read for long: nothing that it could cause, or that could wait, is added. */
  get clogged(): boolean {
    return this.writer.unsentBytes >= answerLimitBytes
  }

  awaitDrain(waiter: Drainable): void {
    this.#drains.add(waiter)
  }

  /** Gives a connection id back; nothing of the channel keeps the receiver. */
  release(connId: number, receiver: ChannelReceiver): void {
    this.connections.release(connId)
    this.#drains.remove(receiver)
    this.releaseReading(receiver)
  }

  /** The whole channel stops reading as long as somebody holds it. */
  holdReading(holder: object): void {
    if (this.#readHolds.size === 0 && !this.#closed) this.#options.transport.pauseReading()
    this.#readHolds.add(holder)
  }

  releaseReading(holder: object): void {
    if (!this.#readHolds.delete(holder) || this.#readHolds.size > 0 || this.#closed) return
    // What came meanwhile is read now.
    this.#lastRead = this.#options.clock.now()
    this.#options.transport.resumeReading()
  }

  /** Called once when the channel has ended, at once if it already has. */
  onClose(listener: (error: CodedError) => void): void {
    if (this.#closed) listener(this.#closed)
    else this.#closeListeners.add(listener)
  }

  /** Resolves when the transport is gone too. */
  async close(error: CodedError = new CodedError('channel.closed', `the channel to ${this.url} was closed by us`)): Promise<void> {
    if (this.#closed) return
    this.writer.flush()
    this.#end(error)
    await this.#options.transport.close()
  }

  /** The transport has ended. */
  lost(cause?: Error): void {
    if (this.#closed) return
    const { clock } = this.#options
    const early = this.#welcomeAt !== undefined && !this.#proven && clock.now() - this.#welcomeAt < unprovenLife
    // The router checks the token only after it has said hello (protocol section 3.6, pitfall).
    if (early) return this.#end(new CodedError('channel.unauthorized', `${this.url} closed the channel right after hello: it refuses our token or certificate`, { cause }))
    this.#end(new CodedError('channel.lost', `the connection to router ${this.url} broke${cause ? `: ${cause.message}` : ''}`, { cause }))
  }

  #end(error: CodedError): void {
    this.#closed = error
    this.#probe?.stop()
    this.#readHolds.clear()
    this.#pending.close()
    for (const receiver of this.connections.takeAll()) receiver.channelLost(error)
    for (const listener of this.#closeListeners) listener(error)
    this.#closeListeners.clear()
  }

  #malformed(reason: FrameRefusal): void {
    void this.close(new CodedError('channel.protocol', `${this.url} does not speak the edge protocol: ${reason}`, { detail: { reason } }))
  }

  #takeSequence(): number {
    const sequence = this.#sequence
    this.#sequence = (sequence + 1) & 0x7f_ff_ff_ff
    this.stats.framesOut += 1
    return sequence
  }

  #noReply(reason: 'timeout' | 'closed', request: string): CodedError {
    if (reason === 'closed' && this.#closed) return this.#closed
    return new CodedError('channel.timeout', `router ${this.url} did not answer our ${request} in time`)
  }

  #welcome(reply: Frame, connectTime: Milliseconds): RouterHello | CodedError {
    const result = parseHelloResult(reply)
    if (result.kind === 'rejected') {
      return new CodedError('channel.rejected', `router ${this.url} rejected the channel: ${result.reason}`, { detail: { reason: result.reason } })
    }
    const { clock } = this.#options
    this.#hello = result.hello
    this.#welcomeAt = clock.now()
    this.#probe = new LatencyProbe({
      clock,
      send: (answered) => this.#sendProbe(answered),
      lastRead: () => this.#lastRead,
      stalled: () => this.readingPaused || this.writer.unsentBytes > 0,
      suspect: () => this.writer.position - this.#takenPosition > suspectBytes,
      dead: () => void this.close(new CodedError('channel.dead', `router ${this.url} has been silent for ${probeTimeout / 1000} s`)),
    }, connectTime)
    return result.hello
  }

  #sendProbe(answered: () => void): void {
    const time = encodeUint64(BigInt(Math.trunc(this.#options.clock.now())))
    this.request({ contentType: ContentType.Latency, headers: [[HeaderId.Uuid, time]] }, probeTimeout, (reply) => {
      if (typeof reply !== 'string') answered()
    })
  }

  #receive(frame: Frame): void {
    if (this.#closed) return
    this.#lastRead = this.#options.clock.now()
    this.stats.framesIn += 1
    // A reply is one by ReplyFor alone: its connection id may be that of somebody else (protocol section 11.1).
    if (frame.contentType !== ContentType.Data && replyFor(frame.headers) !== undefined) return this.#replied(frame)
    this.#proven = true
    switch (frame.contentType) {
      case ContentType.Latency:
        return this.answer(latencyAnswer(frame))
      case ContentType.InspectRequest:
        return this.answer(inspectAnswer(frame))
      case ContentType.TraceRoute:
        return this.answer(traceRouteAnswer(frame))
      case ContentType.ConnInspectRequest:
        return this.#inspected(frame)
      default:
        return this.#route(frame)
    }
  }

  #replied(frame: Frame): void {
    // The answers to hello and probe come also where the token is bad.
    if (frame.contentType !== ContentType.Result) this.#proven = true
    if (this.#pending.settle(frame)) return
    this.stats.lateReplies += 1
    const connId = uint32Header(frame.headers, HeaderId.ConnId)
    if (frame.contentType !== ContentType.StateConnected || connId === undefined) return
    // The dial was given up; the far end must hear that nobody is here (protocol section 4.2). The late answer to a
    // DialSuccess has the id of a bind that goes on (section 11.5).
    if (this.connections.get(connId) === undefined) this.answer(closedDraft(connId, 'dial was given up'))
  }

  /** As `send`, for what answers the router: one that asks and asks, and does not read, must not fill our memory. */
  answer(draft: Draft): void {
    if (!this.clogged) this.send(draft)
    else this.stats.droppedAnswers += 1
  }

  #inspected(frame: Frame): void {
    const connId = uint32Header(frame.headers, HeaderId.ConnId) ?? 0
    this.answer(connInspectAnswer(frame, connId, this.connections.get(connId)))
  }

  #route(frame: Frame): void {
    const connId = uint32Header(frame.headers, HeaderId.ConnId)
    const receiver = connId === undefined ? undefined : this.connections.get(connId)
    if (receiver) return receiver.receive(frame)
    if (connId === undefined || !isForConnection(frame.contentType)) {
      this.stats.unknownTypes += 1
      return
    }
    this.#unknownConnection(frame, connId)
  }

  /** Protocol sections 3.8 and 4.2: what was on its way to a circuit that ended needs no answer. */
  #unknownConnection(frame: Frame, connId: number): void {
    this.stats.unknownConnections += 1
    if (frame.contentType === ContentType.Dial) {
      const headers = [replyForHeader(frame.sequence), connIdHeader(connId)]
      return this.answer({ contentType: ContentType.DialFailed, headers, body: encodeString(`invalid conn id [${connId}]`) })
    }
    if (frame.contentType === ContentType.Data && !this.connections.isFormer(connId)) this.answer(closedDraft(connId, 'no such connection'))
  }
}

const closedDraft = (connId: number, reason: string): Draft => ({
  contentType: ContentType.StateClosed,
  headers: [connIdHeader(connId)],
  body: encodeString(reason),
})

const connectionTypes: ReadonlySet<number> = new Set([
  ContentType.StateConnected,
  ContentType.StateClosed,
  ContentType.Data,
  ContentType.Dial,
  ContentType.DialSuccess,
  ContentType.DialFailed,
  ContentType.BindSuccess,
  ContentType.TraceRouteResponse,
])
const isForConnection = (contentType: number): boolean => connectionTypes.has(contentType)
