import type { Duplex } from 'node:stream'
import { PassingFlow, type Flow, type FlowHandler, type Release } from '@tunnel/flow'
import { toDuplex } from '@tunnel/flow/node'

/** A `Duplex` with the methods of `net.Socket` that HTTP programs call without asking. */
export interface FlowSocket extends Duplex {
  /** `timeout` is emitted after so many milliseconds without data either way; 0 for never. */
  setTimeout(milliseconds: number, listener?: () => void): this
  setNoDelay(): this
  setKeepAlive(): this
  ref(): this
  unref(): this
}

export function flowSocket(flow: Flow): FlowSocket {
  const idle = new IdleTimer(() => socket.emit('timeout'))
  const duplex = toDuplex(new WatchedFlow(flow, () => idle.restart()))
  const socket: FlowSocket = Object.assign(duplex, {
    setTimeout(milliseconds: number, listener?: () => void): FlowSocket {
      idle.set(milliseconds)
      if (listener) socket.once('timeout', listener)
      return socket
    },
    // Circuits have neither; channels have both set.
    setNoDelay: () => socket,
    setKeepAlive: () => socket,
    ref: () => socket,
    unref: () => socket,
  })
  socket.once('close', () => idle.set(0))
  return socket
}

class IdleTimer {
  readonly #fire: () => void
  #span = 0
  #timer: NodeJS.Timeout | undefined

  constructor(fire: () => void) {
    this.#fire = fire
  }

  set(span: number): void {
    clearTimeout(this.#timer)
    this.#span = span
    this.#timer = span > 0 ? setTimeout(this.#fire, span).unref() : undefined
  }

  restart(): void {
    if (this.#span > 0) this.#timer?.refresh()
  }
}

/** The flow itself, and a call for each chunk that passes. */
class WatchedFlow extends PassingFlow {
  readonly #moved: () => void

  constructor(flow: Flow, moved: () => void) {
    super(flow)
    this.#moved = moved
  }

  override attach(handler: FlowHandler): void {
    super.attach({
      data: (chunk, hold) => {
        this.#moved()
        handler.data(chunk, hold)
      },
      end: () => handler.end(),
      drain: () => handler.drain(),
      close: (error) => handler.close(error),
    })
  }

  override send(chunk: Uint8Array, release?: Release): boolean {
    this.#moved()
    return super.send(chunk, release)
  }
}
