import { Duplex } from 'node:stream'
import { toCodedError, type CodedError } from '../coded-error.ts'
import { createAbortedError } from '../flow-error.ts'
import type { Flow, FlowInfo, Hold } from '../flow.ts'
import { collected, copyBytes } from '../hold.ts'
import { StreamFlow } from './stream-flow.ts'

export interface DuplexFlowOptions {
  /** Bytes that may wait in the stream before `send` returns false. Default 256 KiB. */
  readonly limitBytes?: number
  readonly info?: FlowInfo
}

/**
 * Any Node `Duplex` of bytes as a `Flow`: a `PassThrough`, an SSH channel. Its encoding must not be set, and
 * `allowHalfOpen` becomes true. `reset` destroys it. Held chunks are copied: use `fromSocket` for sockets.
 */
export function fromDuplex(duplex: Duplex, options: DuplexFlowOptions = {}): Flow {
  duplex.allowHalfOpen = true
  return new StreamFlow(duplex, {
    info: options.info ?? { protocol: 'tcp' },
    limitBytes: options.limitBytes ?? 256 * 1024,
    keepsChunks: true,
    destroy: (error) => duplex.destroy(error),
  })
}

/**
 * A `Flow` as a Node `Duplex`, for `http`, `tls.connect({ socket })` and streams. It attaches the flow. `destroy` before
 * both halves have ended resets the flow; a flow that closes with an error destroys the stream with it.
 */
export function toDuplex(flow: Flow): Duplex {
  return new FlowDuplex(flow)
}

type Done = (error?: Error | null) => void

interface Write {
  readonly done: Done
  released: boolean
  open: boolean
}

class FlowDuplex extends Duplex {
  readonly #flow: Flow
  /** A write that waits for its bytes to be given back, or for `drain`. */
  #write: Write | undefined
  #flowClosed = false
  #onFlowClose: Done | undefined

  constructor(flow: Flow) {
    super({ allowHalfOpen: true, autoDestroy: true })
    this.#flow = flow
    flow.attach({
      data: (chunk, hold) => this.#push(chunk, hold),
      end: () => this.push(null),
      drain: () => this.#drained(),
      close: (error) => this.#closed(error),
    })
  }

  override _read(): void {
    this.#flow.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const write: Write = { done, released: false, open: false }
    this.#write = write
    write.open = this.#flow.send(chunk, () => {
      write.released = true
      this.#settleWrite(write)
    })
    this.#settleWrite(write)
  }

  override _final(done: Done): void {
    this.#flow.end()
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    if (this.#flowClosed) {
      done(error)
      return
    }
    // An orderly end that the flow has not reported yet needs no reset: its close is on the way.
    this.#onFlowClose = () => done(error)
    if (error || !this.readableEnded || !this.writableFinished) {
      this.#flow.reset(error ? toCodedError(error, 'flow.aborted') : createAbortedError())
    }
  }

  #push(chunk: Uint8Array, hold: Hold): void {
    // Nobody tells when a stream's reader is done with a chunk, so only memory that is never reused goes in as it is.
    const release = hold()
    const kept = release === collected ? chunk : copyBytes(chunk)
    release()
    if (!this.push(kept)) this.#flow.pause()
  }

  #drained(): void {
    if (!this.#write) return
    this.#write.open = true
    this.#settleWrite(this.#write)
  }

  /** A stream's writer may reuse its bytes once the write is called done: so not before they are released. */
  #settleWrite(write: Write): void {
    if (!write.released || !write.open || this.#write !== write) return
    this.#write = undefined
    write.done()
  }

  #closed(error: CodedError | undefined): void {
    this.#flowClosed = true
    if (error) this.destroy(error)
    // No drain will come; what is written from now on the flow ignores.
    else this.#drained()
    const done = this.#onFlowClose
    this.#onFlowClose = undefined
    done?.()
  }
}
