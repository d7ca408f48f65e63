import type { Milliseconds } from '@tunnel/flow'
import { noTcpOptions, type TcpOptions } from '../../wire/tcp-options.ts'
import { tcpFlag, type Segment, type SegmentHeader } from '../../wire/tcp-segment.ts'
import { BlockPool } from '../buffer/block-pool.ts'
import { unlimited } from '../congestion/unlimited.ts'
import { seqAdd, seqDiff, seqLess, seqMax, toSeq, type Seq } from '../seq.ts'
import { TcpConnection } from '../tcp-connection.ts'
import { tcpSettings } from '../tcp-settings.ts'

const numbers = { localPort: 80, remotePort: 5000 }
const largestBufferBytes = 20_000
/** A connection answers one segment with an ACK, a reset and a SYN at most; data is not an answer. */
const mostAnswers = 3

/** Two texts that repeat after 64 KiB, so that any part of one is a slice. */
const period = 0x1_0000
const textOf = (factor: number): Uint8Array => Uint8Array.from({ length: 2 * period }, (_, index) => Math.imul(index & (period - 1), factor) >>> 24)
const ownText = textOf(0x9e37_79b1)
const peerText = textOf(0x85eb_ca77)
const bytes = (from: number, length: number, text: Uint8Array): Uint8Array => text.slice(from & (period - 1), (from & (period - 1)) + length)

/**
 * One conversation of a connection with a peer that says what it likes, near enough to sense to come far, and an application that does what
 * it likes. What must hold whatever they do is looked at after each step; `violation` says what did not.
 */
export class HostileConversation {
  readonly connection: TcpConnection
  violation: string | undefined
  now: Milliseconds = 1_000
  /** Words of what happened, for whoever has to find out. */
  readonly story: string[] = []
  readonly states = new Set<string>()
  readonly #random: () => number
  readonly #pool = new BlockPool()
  readonly #iss: Seq
  readonly #irs: Seq
  readonly #active: boolean
  #written = 0
  #read = 0
  #open = true
  #started = false
  /** What the connection has shown: the highest number it sent, its ACK, the right edge of its window. */
  #sentEnd: Seq
  #ack: Seq | undefined
  #edge: Seq | undefined
  #shift = 0
  #offeredShift = 0
  #peerShift = 0
  /** The furthest that we have ever let it send. */
  #allowed: Seq
  #lastTime = 0
  #answers = 0

  constructor(random: () => number) {
    this.#random = random
    this.#iss = toSeq(this.#pick(3) === 0 ? -100 : Math.floor(random() * 2 ** 32))
    this.#irs = toSeq(this.#pick(3) === 0 ? -50 : Math.floor(random() * 2 ** 32))
    this.#sentEnd = this.#iss
    this.#allowed = this.#iss
    const settings = tcpSettings({
      receiveBufferBytes: this.#choose([300, 5_000, 20_000]),
      largestReceiveBufferBytes: largestBufferBytes,
      flightLimitBytes: 50_000,
      nagle: this.#luck(0.3),
      sack: this.#luck(0.8),
      timestamps: this.#luck(0.6),
      windowScaling: this.#luck(0.6),
      ...(this.#luck(0.3) && { createCongestion: unlimited }),
      ...(this.#luck(0.3) && { keepAlive: { idle: 5_000, interval: 1_000, probes: 3 } }),
    })
    const mss = this.#choose([100, 536, 1460])
    const offloadBytes = this.#luck(0.3) ? 8_000 : 0
    this.connection = new TcpConnection({ ...numbers, initialSequence: this.#iss, timestampOffset: 0, mss, offloadBytes, pool: this.#pool, settings, now: this.now })
    this.#active = this.#luck(0.5)
    if (this.#active) this.connection.open()
    else this.#acceptSyn()
    this.#transmit()
  }

  /** Something happens. */
  step(): void {
    this.#answers = 0
    const luck = this.#random()
    if (luck < 0.6) this.#receive()
    else if (luck < 0.8) this.#apply()
    else this.#passTime()
    this.#transmit()
    this.states.add(this.connection.state)
    this.#check()
  }

  /** The end: everything must be given back. */
  finish(): void {
    this.#open = true
    this.connection.abort()
    this.now += 10
    this.#transmit()
    this.#readAll()
    for (let wake = this.connection.nextWake(), turns = 0; wake !== Number.POSITIVE_INFINITY; wake = this.connection.nextWake(), turns += 1) {
      this.now = Math.max(this.now, wake)
      this.#transmit()
      if (turns > 50) return this.#violate('does not come to rest after abort')
    }
    if (this.#pool.usedBytes > 0) this.#violate(`${this.#pool.usedBytes} bytes are still held after the end`)
  }

  #acceptSyn(): void {
    this.#started = true
    const syn = this.#segment(this.#irs, toSeq(0), tcpFlag.syn, new Uint8Array(0), this.#synOptions())
    this.#allowed = seqAdd(this.#iss, 1 + syn.window)
    this.connection.accept(syn, this.now)
  }

  #synOptions(): TcpOptions {
    const shift = this.#pick(8)
    this.#peerShift = Math.max(this.#peerShift, shift)
    return {
      mss: this.#luck(0.8) ? this.#choose([0, 64, 536, 1460, 65_535]) : undefined,
      windowScale: this.#luck(0.7) ? shift : undefined,
      sackPermitted: this.#luck(0.8),
      sack: [],
      timestamp: this.#luck(0.7) ? { value: this.#tick(), echo: 0 } : undefined,
    }
  }

  #receive(): void {
    const flags = this.#flags()
    const payload = this.#luck(0.5) ? this.#pick(2_000) : 0
    const syn = (flags & tcpFlag.syn) !== 0
    // Whatever SYN it takes first, its numbers count from there.
    const seq = this.#started && !(syn && this.connection.state === 'SYN-SENT') ? this.#seq() : this.#irs
    this.#started ||= syn
    const offset = seqDiff(seq, this.#irs) - 1
    const segment = this.#segment(seq, this.#ackNumber(), flags, bytes(offset + (syn ? 1 : 0), payload, peerText), syn ? this.#synOptions() : this.#options())
    // Whether they are scaled or not, this is the most that we may have allowed. Numbers from elsewhere are not believed anyway.
    const isNear = Math.abs(seqDiff(segment.ack, this.#sentEnd)) < 2 ** 20
    if (isNear) this.#allowed = seqMax(this.#allowed, seqAdd(segment.ack, segment.window * 2 ** this.#peerShift))
    this.#tell(`< ${flags.toString(16)} seq ${offset + 1} ack ${seqDiff(segment.ack, this.#iss)} ${payload} bytes window ${segment.window}`)
    this.connection.receive(segment, this.now)
  }

  #flags(): number {
    const luck = this.#random()
    if (!this.#started) return luck < 0.6 ? tcpFlag.syn | tcpFlag.ack : luck < 0.9 ? tcpFlag.syn : tcpFlag.ack
    if (luck < 0.8) return tcpFlag.ack
    if (luck < 0.88) return tcpFlag.ack | tcpFlag.fin
    if (luck < 0.9) return tcpFlag.rst
    return this.#pick(256)
  }

  #seq(): Seq {
    const next = this.#ack ?? seqAdd(this.#irs, 1)
    const luck = this.#random()
    if (luck < 0.6) return next
    if (luck < 0.8) return seqAdd(next, this.#pick(5_000))
    return luck < 0.95 ? seqAdd(next, -this.#pick(3_000)) : seqAdd(next, Math.floor(this.#random() * 2 ** 32))
  }

  #ackNumber(): Seq {
    const luck = this.#random()
    const sent = seqDiff(this.#sentEnd, this.#iss)
    if (luck < 0.5) return this.#sentEnd
    if (luck < 0.9) return seqAdd(this.#iss, this.#pick(sent + 1))
    return luck < 0.97 ? seqAdd(this.#sentEnd, this.#pick(100)) : toSeq(Math.floor(this.#random() * 2 ** 32))
  }

  #options(): TcpOptions {
    const point = (): Seq => seqAdd(this.#sentEnd, this.#pick(200) - this.#pick(8_000))
    const sack = this.#luck(0.3) ? Array.from({ length: 1 + this.#pick(3) }, () => ({ start: point(), end: point() })) : []
    return { ...noTcpOptions, sack, timestamp: this.#luck(0.9) ? { value: this.#luck(0.9) ? this.#tick() : this.#pick(2 ** 31), echo: this.#luck(0.8) ? Math.floor(this.now) : this.#pick(2 ** 31) } : undefined }
  }

  #apply(): void {
    const { connection } = this
    const luck = this.#random()
    if (luck < 0.5 && connection.failure === undefined && connection.unsentBytes < 50_000) {
      const length = 1 + this.#pick(this.#luck(0.2) ? 10_000 : 500)
      this.#tell(`writes ${length}`)
      connection.write(bytes(this.#written, length, ownText), undefined)
      this.#written += length
    } else if (luck < 0.85) this.#readAll()
    else if (luck < 0.9) connection.finish()
    else if (luck < 0.92) connection.pathShrunk(this.#pick(1_500))
    else if (luck < 0.93) connection.unreachable(this.#luck(0.5))
    else if (luck < 0.94) connection.abort()
    else this.#open = !this.#open || this.#luck(0.5)
  }

  #passTime(): void {
    const wake = this.connection.nextWake()
    const ahead = this.#luck(0.5) && wake !== Number.POSITIVE_INFINITY ? wake - this.now : this.#random() * 500
    this.now += Math.min(Math.max(0, ahead), 100_000)
    this.#tell(`time ${this.now.toFixed(1)}`)
  }

  #readAll(): void {
    this.connection.read((chunk) => {
      if (Buffer.compare(chunk, bytes(this.#read, chunk.length, peerText)) !== 0) this.#violate(`what was read at ${this.#read} is not what was sent`)
      this.#read += chunk.length
      return true
    }, this.now)
  }

  #transmit(): void {
    this.connection.transmit(this.now, (header, parts, payloadBytes) => {
      if (!this.#open) return false
      this.#sees(header, parts, payloadBytes)
      return true
    })
    const wake = this.connection.nextWake()
    if (wake <= this.now) this.#violate(`nextWake ${wake} is not after ${this.now}`)
  }

  #sees(header: SegmentHeader, parts: readonly Uint8Array[], payloadBytes: number): void {
    const { seq, flags, ack, window, options } = header
    const syn = (flags & tcpFlag.syn) !== 0
    this.#tell(`> ${flags.toString(16)} seq ${seqDiff(seq, this.#iss)} ack ${seqDiff(ack, this.#irs)} ${payloadBytes} bytes window ${window}`)
    if (payloadBytes === 0 && (flags & tcpFlag.fin) === 0) this.#answers += 1
    if (syn) this.#offeredShift = options.windowScale ?? 0
    if ((flags & tcpFlag.rst) !== 0) return
    const offset = seqDiff(seq, this.#iss) - 1
    const payload = Buffer.concat([...parts])
    if (payload.length !== payloadBytes) this.#violate('the parts are not as long as was said')
    if (payloadBytes > 0 && Buffer.compare(payload, bytes(offset, payloadBytes, ownText)) !== 0) this.#violate(`what it sends at ${offset} is not what was written`)
    const end = seqAdd(seq, payloadBytes + (syn ? 1 : 0) + ((flags & tcpFlag.fin) !== 0 ? 1 : 0))
    if (payloadBytes > 0 && seqLess(this.#allowed, end)) this.#violate('it sends beyond any window that was offered')
    this.#sentEnd = seqMax(this.#sentEnd, end)
    if ((flags & tcpFlag.ack) === 0) return
    if (this.#ack !== undefined && seqLess(ack, this.#ack)) this.#violate('its ACK goes back')
    this.#ack = ack
    this.#seesWindow(ack, window, syn)
  }

  #seesWindow(ack: Seq, window: number, syn: boolean): void {
    const edge = seqAdd(ack, syn ? window : window * 2 ** this.#shift)
    if (this.#edge !== undefined && seqLess(edge, this.#edge)) this.#violate('the right edge of its window goes back')
    this.#edge = edge
  }

  #check(): void {
    const { connection } = this
    if (this.#answers > mostAnswers) this.#violate(`${this.#answers} answers to one event`)
    if (connection.readableBytes > largestBufferBytes + 2 ** this.#offeredShift) this.#violate(`${connection.readableBytes} bytes wait to be read`)
    if (connection.unsentBytes < 0) this.#violate('less than nothing is unsent')
    if (this.#pool.usedBytes > 1_000_000) this.#violate(`${this.#pool.usedBytes} bytes of buffers`)
  }

  #segment(seq: Seq, ack: Seq, flags: number, payload: Uint8Array, options: TcpOptions): Segment {
    const window = this.#luck(0.2) ? 0 : this.#pick(this.#luck(0.5) ? 1_000 : 65_536)
    return { sourcePort: 5000, destinationPort: 80, seq, ack, flags, window, options, payload }
  }

  #tick(): number {
    this.#lastTime += this.#pick(20)
    return this.#lastTime
  }

  #tell(line: string): void {
    this.story.push(line)
    if (this.story.length > 60) this.story.shift()
  }

  #violate(what: string): void {
    this.violation ??= `${what} (${this.connection.state}), after:\n${this.story.join('\n')}`
  }

  #luck(chance: number): boolean {
    return this.#random() < chance
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count)
  }

  #choose<T>(values: readonly T[]): T {
    return values[this.#pick(values.length)] as T
  }
}
