import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'
import type { CircuitEnd } from './circuit-end.ts'
import { routerLimits, routerTiming } from './router-timing.ts'

interface Message {
  readonly body: Uint8Array
  readonly flags: number
  readonly uuid: Uint8Array | undefined
  readonly bytes: number
  readonly due: Milliseconds
}

export interface CircuitWayOptions {
  readonly source: CircuitEnd
  readonly target: CircuitEnd
  readonly clock: Clock
  readonly windowBytes: number
  /** One-way delay of the link now. */
  readonly delay: () => Milliseconds
}

/** Keeps a flood of empty messages from being free. */
const messageOverheadBytes = 64

/**
 * One direction of a circuit: a window of bytes, and in front of it a queue of four messages. When that is full too,
 * the source is blocked, and with it, as in a real router, everything else on its channel (protocol section 4.5).
 * While the target takes what comes, messages pass through without a copy.
 */
export class CircuitWay {
  readonly #options: CircuitWayOptions
  #queue: (Message | undefined)[] = []
  #head = 0
  #bytes = 0
  /** How many of the youngest messages found the window full. */
  #front = 0
  #started = false
  #blocking = false
  #finishing = false
  #over = false
  #wake: Cancel | undefined
  #lingering: Cancel | undefined

  constructor(options: CircuitWayOptions) {
    this.#options = options
  }

  get bufferedBytes(): number {
    return this.#bytes
  }

  /** Until then messages wait: a dialer gets StateConnected before data. */
  start(): void {
    this.#started = true
    this.#await()
  }

  send(body: Uint8Array, flags: number, uuid: Uint8Array | undefined): void {
    if (this.#over || this.#finishing) return
    const delay = this.#options.delay()
    if (this.#started && delay === 0 && this.#length === 0 && this.#options.target.writable) {
      return this.#options.target.deliver(body, flags, uuid, false)
    }
    const bytes = body.length + messageOverheadBytes
    if (this.#bytes + bytes > this.#options.windowBytes) this.#front += 1
    this.#queue.push({ body: body.slice(), flags, uuid: uuid?.slice(), bytes, due: this.#options.clock.now() + delay })
    this.#bytes += bytes
    this.#options.source.buffered(bytes)
    if (this.#front >= routerLimits.frontMessages && !this.#blocking) {
      this.#blocking = true
      this.#options.source.block()
    }
    if (this.#length === 1) this.#await()
  }

  /** Delivers the oldest message. True when there are more that may go at once. */
  step(): boolean {
    const message = this.#queue[this.#head]
    if (message === undefined || !this.#started) return false
    if (message.due > this.#options.clock.now()) {
      this.#await()
      return false
    }
    this.#queue[this.#head] = undefined
    this.#head += 1
    if (this.#head === this.#queue.length || this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    this.#taken(message.bytes)
    this.#options.target.deliver(message.body, message.flags, message.uuid, true)
    if (this.#length > 0) return true
    this.#finishIfEmpty()
    return false
  }

  /** The source is gone: the target gets what is on its way, then the close. */
  finish(): void {
    if (this.#over || this.#finishing) return
    this.#finishing = true
    this.#unblock()
    this.#lingering = this.#options.clock.after(routerTiming.linger, () => this.#end())
    if (this.#length === 0 && this.#options.delay() > 0) {
      this.#wake = this.#options.clock.after(this.#options.delay(), () => this.#end())
    } else {
      this.#finishIfEmpty()
    }
  }

  /** The target is gone: nothing is delivered any more. */
  abandon(): void {
    this.#over = true
    this.#wake?.()
    this.#lingering?.()
    this.#queue = []
    this.#head = 0
    if (this.#bytes > 0) this.#options.source.buffered(-this.#bytes)
    this.#bytes = 0
    this.#unblock()
  }

  get #length(): number {
    return this.#queue.length - this.#head
  }

  #taken(bytes: number): void {
    this.#bytes -= bytes
    this.#options.source.buffered(-bytes)
    this.#front = Math.min(this.#front, this.#length)
    if (this.#front > 0 && this.#bytes <= this.#options.windowBytes) this.#front = 0
    if (this.#front < routerLimits.frontMessages) this.#unblock()
  }

  #unblock(): void {
    if (!this.#blocking) return
    this.#blocking = false
    this.#options.source.unblock()
  }

  /** Sees to it that the oldest message is looked at again: when it is due, or when the target has room. */
  #await(): void {
    const message = this.#queue[this.#head]
    if (message === undefined || !this.#started) return
    const wait = message.due - this.#options.clock.now()
    this.#wake?.()
    this.#wake = undefined
    if (wait <= 0) return this.#options.target.waitForRoom(this)
    this.#wake = this.#options.clock.after(wait, () => this.#options.target.waitForRoom(this))
  }

  #finishIfEmpty(): void {
    if (this.#finishing && this.#length === 0) this.#end()
  }

  #end(): void {
    if (this.#over) return
    this.abandon()
    this.#options.target.close()
  }
}

/** Lets every way of `waiting` deliver in turn, one message each, until there is no more room. */
export function drainWays(waiting: Set<CircuitWay>, writable: () => boolean): void {
  for (const way of waiting) {
    if (!writable()) return
    // Deleted and added again it comes last: a set walks in the order of insertion, also over what is added meanwhile.
    waiting.delete(way)
    if (way.step()) waiting.add(way)
  }
}
