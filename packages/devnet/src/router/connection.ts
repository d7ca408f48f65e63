import { ContentType, DataFlag, encodeUint32, HeaderId, uint32Header, type Frame } from '@tunnel/edge/wire'
import type { Channel } from './channel.ts'
import type { CircuitEnd } from './circuit-end.ts'
import type { CircuitWay } from './circuit-way.ts'
import type { Circuit } from './circuit.ts'

export interface ConnectionOptions {
  readonly id: number
  readonly channel: Channel
  readonly serviceSessionId: string
  /** The id is free again. */
  readonly released: (connection: Connection) => void
  /** The SDK closed before there was a circuit. */
  readonly abandoned: () => void
}

/** A connection id on an SDK's channel that data goes through: what it dialled, or what it accepted (protocol section 4.5). */
export class Connection implements CircuitEnd {
  readonly kind = 'connection'
  readonly id: number
  readonly serviceSessionId: string
  readonly #options: ConnectionOptions
  #circuit: Circuit | undefined
  #out: CircuitWay | undefined
  #closed = false

  constructor(options: ConnectionOptions) {
    this.id = options.id
    this.serviceSessionId = options.serviceSessionId
    this.#options = options
  }

  get closed(): boolean {
    return this.#closed
  }

  get writable(): boolean {
    return this.#options.channel.writable
  }

  join(circuit: Circuit, out: CircuitWay): void {
    this.#circuit = circuit
    this.#out = out
  }

  /** Data from the SDK. False: there is no circuit yet. */
  received(frame: Frame): boolean {
    if (this.#out === undefined) return false
    this.#out.send(frame.body, uint32Header(frame.headers, HeaderId.Flags) ?? 0, frame.headers.get(HeaderId.Uuid))
    return true
  }

  deliver(body: Uint8Array, flags: number, uuid: Uint8Array | undefined): void {
    this.#options.channel.data(this.id, flags, (flags & DataFlag.TraceUuid) === 0 ? undefined : uuid, body)
  }

  waitForRoom(way: CircuitWay): void {
    this.#options.channel.waitForRoom(way)
  }

  block(): void {
    this.#options.channel.block()
  }

  unblock(): void {
    this.#options.channel.unblock()
  }

  buffered(bytes: number): void {
    this.#options.channel.buffered(bytes)
  }

  /** The other end closed. */
  close(): void {
    if (!this.#release()) return
    this.#options.channel.send(ContentType.StateClosed, [[HeaderId.ConnId, encodeUint32(this.id)]])
  }

  /** The SDK closed, or its channel is gone. It gets no answer. */
  closedBySdk(): void {
    if (!this.#release()) return
    if (this.#circuit === undefined) this.#options.abandoned()
    else this.#circuit.closedBy(this)
  }

  /** The router takes the connection away from both ends. */
  revoke(): void {
    if (this.#circuit !== undefined) return this.#circuit.cut()
    this.close()
    this.#options.abandoned()
  }

  /** There will be no circuit: the refusal was said, or another try uses another id. */
  discard(): void {
    this.#release()
  }

  #release(): boolean {
    if (this.#closed) return false
    this.#closed = true
    this.#options.released(this)
    return true
  }
}
