import { toCodedError, type CodedError } from '../coded-error.ts'
import type { Flow, Hold } from '../flow.ts'
import { collected, copyBytes } from '../hold.ts'

export interface WebStreamPair {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

const readAheadBytes = 64 * 1024

/**
 * A `Flow` as a pair of web streams. It attaches the flow. Closing the writable is our FIN; cancelling the readable,
 * or aborting the writable, resets the flow.
 */
export function toWebStreams(flow: Flow): WebStreamPair {
  const reads = new ReadSide(flow)
  const writes = new WriteSide(flow)
  const readable = new ReadableStream<Uint8Array>(
    { start: reads.start, pull: () => flow.resume(), cancel: (reason) => flow.reset(toCodedError(reason, 'flow.aborted')) },
    { highWaterMark: readAheadBytes, size: (chunk) => chunk?.length ?? 0 },
  )
  const writable = new WritableStream<Uint8Array>({
    start: writes.start,
    write: (chunk) => writes.write(chunk),
    close: () => flow.end(),
    abort: (reason) => flow.reset(toCodedError(reason, 'flow.aborted')),
  })
  flow.attach({
    data: (chunk, hold) => reads.data(chunk, hold),
    end: () => reads.end(),
    drain: () => writes.drained(),
    close(error) {
      reads.close(error)
      writes.close(error)
    },
  })
  return { readable, writable }
}

class ReadSide {
  readonly #flow: Flow
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(flow: Flow) {
    this.#flow = flow
  }

  readonly start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    this.#controller = controller
  }

  data(chunk: Uint8Array, hold: Hold): void {
    const release = hold()
    const kept = release === collected ? chunk : copyBytes(chunk)
    release()
    this.#controller?.enqueue(kept)
    if ((this.#controller?.desiredSize ?? 1) <= 0) this.#flow.pause()
  }

  end(): void {
    this.#controller?.close()
    this.#controller = undefined
  }

  close(error: CodedError | undefined): void {
    if (error) this.#controller?.error(error)
    this.#controller = undefined
  }
}

class WriteSide {
  readonly #flow: Flow
  #controller: WritableStreamDefaultController | undefined
  #waiting: (() => void) | undefined

  constructor(flow: Flow) {
    this.#flow = flow
  }

  readonly start = (controller: WritableStreamDefaultController): void => {
    this.#controller = controller
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    // A web stream's writer gives its chunk away, hence no release is waited for.
    if (this.#flow.send(chunk, collected)) return undefined
    return new Promise((resolve) => (this.#waiting = resolve))
  }

  drained(): void {
    this.#waiting?.()
    this.#waiting = undefined
  }

  close(error: CodedError | undefined): void {
    if (error) this.#controller?.error(error)
    this.drained()
  }
}
