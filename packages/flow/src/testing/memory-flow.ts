import type { CodedError } from '../coded-error.ts'
import { createAttachedError, createResetError } from '../flow-error.ts'
import type { Flow, FlowHandler, FlowInfo, Hold, Release } from '../flow.ts'
import { copyBytes } from '../hold.ts'
import { answerUntaken, SendWindow } from '../send-window.ts'

export interface FlowPairOptions {
  /** Bytes that each end queues before `send` returns false. Default 64 KiB. */
  readonly limitBytes?: number
  readonly left?: FlowInfo
  readonly right?: FlowInfo
}

/**
 * Two ends of a pipe in memory: what is sent on one arrives at the other, in a later microtask. Chunks that were
 * copied are overwritten after `data` returns, so that a handler which keeps one without `hold` fails its tests.
 */
export function createFlowPair(options: FlowPairOptions = {}): [Flow, Flow] {
  const limitBytes = options.limitBytes ?? 64 * 1024
  const left = new MemoryFlow(options.left ?? { protocol: 'tcp' }, limitBytes)
  const right = new MemoryFlow(options.right ?? { protocol: 'tcp' }, limitBytes)
  left.join(right)
  right.join(left)
  return [left, right]
}

interface Parcel {
  readonly chunk: Uint8Array
  readonly release: Release
}

/** Read by somebody who kept a chunk without `hold`. */
const overwritten = 0xdd

class MemoryFlow implements Flow {
  readonly info: FlowInfo
  lateSends = 0
  queuedBytes = 0
  readonly #window: SendWindow
  /** What we sent and the peer has not got. */
  #sent: Parcel[] = []
  #peer: MemoryFlow = this
  #handler: FlowHandler | undefined
  #paused = false
  #scheduled = false
  #drainDue = false
  #ended = false
  /** Our handler has seen the peer's end. */
  #peerEnded = false
  #error: CodedError | undefined
  #closed = false

  constructor(info: FlowInfo, limitBytes: number) {
    this.info = info
    this.#window = new SendWindow(limitBytes)
  }

  join(peer: MemoryFlow): void {
    this.#peer = peer
  }

  attach(handler: FlowHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    this.#schedule()
  }

  send(chunk: Uint8Array, release?: Release): boolean {
    const answer = answerUntaken(this, this.#window, chunk, release, this.#ended || this.#closed || this.#error !== undefined)
    if (answer !== undefined) return answer
    this.#sent.push(release ? { chunk, release } : ownCopy(chunk))
    this.queuedBytes += chunk.length
    this.#peer.#schedule()
    return this.#window.filled(this.queuedBytes)
  }

  end(): void {
    if (this.#ended || this.#error) return
    this.#ended = true
    this.#peer.#schedule()
  }

  reset(error: CodedError): void {
    if (this.#closed || this.#error) return
    this.#fail(error)
    this.#peer.#fail(createResetError(error))
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  #fail(error: CodedError): void {
    if (this.#closed || this.#error) return
    this.#error = error
    this.queuedBytes = 0
    for (const { release } of this.#sent.splice(0)) release()
    this.#schedule()
  }

  /** All callbacks come from here: a microtask of its own, hence never inside a call of the user. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.#handler && !this.#closed) this.#run(this.#handler)
    })
  }

  #run(handler: FlowHandler): void {
    const peer = this.#peer
    if (this.#drainDue && !this.#error && !this.#ended) handler.drain()
    this.#drainDue = false
    while (!this.#paused && !this.#error && peer.#sent.length > 0) this.#deliver(handler, peer)
    if (!this.#error && peer.#ended && peer.#sent.length === 0 && !this.#peerEnded) {
      this.#peerEnded = true
      handler.end()
      peer.#schedule()
    }
    const orderly = this.#peerEnded && this.#ended && peer.#peerEnded === true
    if (!this.#error && !orderly) return
    this.#closed = true
    handler.close(this.#error)
  }

  #deliver(handler: FlowHandler, peer: MemoryFlow): void {
    const parcel = peer.#sent.shift()
    if (!parcel) return
    peer.queuedBytes -= parcel.chunk.length
    let held = false
    const hold: Hold = () => {
      held = true
      return parcel.release
    }
    handler.data(parcel.chunk, hold)
    if (!held) parcel.release()
    if (peer.#window.emptied(peer.queuedBytes)) {
      peer.#drainDue = true
      peer.#schedule()
    }
  }
}

function ownCopy(chunk: Uint8Array): Parcel {
  const copy = copyBytes(chunk)
  return { chunk: copy, release: () => copy.fill(overwritten) }
}
