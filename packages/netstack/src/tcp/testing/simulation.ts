import { collected, type Milliseconds } from '@tunnel/flow'
import { createSeededRandom } from '../../device/random.ts'
import type { Segment } from '../../wire/tcp-segment.ts'
import { BlockPool } from '../buffer/block-pool.ts'
import { toSeq } from '../seq.ts'
import { TcpConnection } from '../tcp-connection.ts'
import type { EmitSegment } from '../tcp-connection-options.ts'
import { defaultTcpSettings, type TcpSettings } from '../tcp-settings.ts'
import { EventQueue } from './event-queue.ts'

export interface Path {
  /** One way. */
  readonly delay: Milliseconds
  /** Parts of one: of the segments that are lost, that overtake others, that come twice. */
  readonly loss?: number
  readonly reorder?: number
  readonly duplicate?: number
  /** A bottleneck: bytes per millisecond, and how many wait in front of it before more are dropped. */
  readonly rate?: number
  readonly queueBytes?: number
  readonly mss?: number
}

export interface SimulationOptions extends Path {
  readonly seed?: number
  readonly settings?: Partial<TcpSettings>
  /** Drops a segment when it says so: for losses on purpose. */
  readonly drop?: (segment: Segment, from: 'client' | 'server', now: Milliseconds) => boolean
}

const headerBytes = 40

/** One end: its application sends a text that is made up as it goes, and checks the other's. */
export class SimulatedEnd {
  readonly connection: TcpConnection
  receivedBytes = 0
  /** The first byte that is not what the other end has sent; -1 if none. */
  firstDifference = -1
  segmentsSent = 0
  bytesSent = 0
  /** What it sends in all, and how much waits at most before it stops sending. */
  sendBytes = 0
  readonly #limitBytes: number
  reads = true

  constructor(connection: TcpConnection, limitBytes: number) {
    this.connection = connection
    this.#limitBytes = limitBytes
  }

  /** Writes as much as fits; ends when all is written. */
  write(bufferedBytes: number): void {
    if (this.sendBytes === 0) return
    const bytes = Math.min(this.sendBytes - this.bytesSent, this.#limitBytes - bufferedBytes)
    if (bytes > 0) {
      this.connection.write(textAt(this.bytesSent, bytes), collected)
      this.bytesSent += bytes
    }
    if (this.bytesSent === this.sendBytes) this.connection.finish()
  }

  read(now: Milliseconds): void {
    if (!this.reads) return
    this.connection.read((chunk) => {
      if (this.firstDifference < 0 && !isTextAt(this.receivedBytes, chunk)) this.firstDifference = this.receivedBytes
      this.receivedBytes += chunk.length
      return true
    }, now)
  }
}

/** Two connections and a path between them, in virtual time. The client opens; the server has answered its SYN at once. */
export class Simulation {
  now: Milliseconds = 0
  readonly client: SimulatedEnd
  readonly server: SimulatedEnd
  readonly #options: SimulationOptions
  readonly #random: () => number
  readonly #events = new EventQueue<{ readonly to: SimulatedEnd; readonly segment: Segment }>()
  readonly #freeAt = new Map<SimulatedEnd, Milliseconds>()
  lost = 0
  steps = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#random = createSeededRandom(options.seed ?? 1)
    const settings = { ...defaultTcpSettings, ...options.settings }
    const end = (localPort: number, remotePort: number, iss: number): SimulatedEnd =>
      new SimulatedEnd(
        new TcpConnection({
          localPort,
          remotePort,
          initialSequence: toSeq(iss),
          timestampOffset: iss,
          mss: options.mss ?? 1460,
          offloadBytes: 0,
          pool: new BlockPool(),
          settings,
          now: 0,
        }),
        settings.sendLimitBytes,
      )
    this.client = end(50_000, 80, 0xffff_f000)
    this.server = end(80, 50_000, 0x7fff_0000)
    this.client.connection.open()
  }

  /** Goes on until `done`, or until nothing more can happen; false for the latter, and when `limit` is over. */
  run(done: () => boolean, limit: Milliseconds = Number.POSITIVE_INFINITY): boolean {
    this.#turn(this.client)
    while (!done()) {
      const next = Math.min(this.#events.nextAt, this.client.connection.nextWake(), this.server.connection.nextWake())
      if (next === Number.POSITIVE_INFINITY || next > limit) return false
      this.now = Math.max(this.now, next)
      this.steps += 1
      for (let event = this.#events.pop(this.now); event; event = this.#events.pop(this.now)) {
        this.#deliver(event.to, event.segment)
      }
      this.#turn(this.client)
      this.#turn(this.server)
    }
    return true
  }

  /** Answered one by one, as on a path that is slower than its ends. */
  #deliver(to: SimulatedEnd, segment: Segment): void {
    const { connection } = to
    if (to === this.server && connection.state === 'CLOSED' && to.segmentsSent === 0) connection.accept(segment, this.now)
    else connection.receive(segment, this.now)
    this.#turn(to)
  }

  #turn(end: SimulatedEnd): void {
    end.read(this.now)
    end.write(end.connection.unsentBytes)
    end.connection.transmit(this.now, this.#emitFrom(end))
  }

  #emitFrom(end: SimulatedEnd): EmitSegment {
    const to = end === this.client ? this.server : this.client
    return (header, parts, payloadBytes) => {
      end.segmentsSent += 1
      const segment: Segment = { ...header, payload: gather(parts, payloadBytes) }
      if (this.#options.drop?.(segment, end === this.client ? 'client' : 'server', this.now) || this.#random() < (this.#options.loss ?? 0)) {
        this.lost += 1
        return true
      }
      this.#carry(segment, to)
      if (this.#random() < (this.#options.duplicate ?? 0)) this.#carry(segment, to)
      return true
    }
  }

  #carry(segment: Segment, to: SimulatedEnd): void {
    const { delay, reorder = 0, rate, queueBytes = Number.POSITIVE_INFINITY } = this.#options
    let at = this.now
    if (rate !== undefined) {
      const free = Math.max(this.now, this.#freeAt.get(to) ?? 0)
      if ((free - this.now) * rate > queueBytes) {
        this.lost += 1
        return
      }
      at = free + (segment.payload.length + headerBytes) / rate
      this.#freeAt.set(to, at)
    }
    // As Linux' netem has it: some go ahead without the delay.
    const overtakes = reorder > 0 && this.#random() < reorder
    this.#events.push(at + (overtakes ? 0 : delay), { to, segment })
  }
}

function gather(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** One endless text, of 64 KiB less a prime, over and over. */
const textPeriod = 65_521
const text = Uint8Array.from({ length: 2 * textPeriod }, (_, index) => Math.imul(index % textPeriod, 0x9e3779b1) >>> 24)

function textAt(offset: number, bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  for (let at = 0; at < bytes; ) {
    const from = (offset + at) % textPeriod
    const part = text.subarray(from, from + Math.min(textPeriod, bytes - at))
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function isTextAt(offset: number, chunk: Uint8Array): boolean {
  for (let at = 0; at < chunk.length; at += 1) if (chunk[at] !== text[(offset + at) % textPeriod]) return false
  return true
}
