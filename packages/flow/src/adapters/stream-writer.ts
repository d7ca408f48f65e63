import type { Duplex } from 'node:stream'
import type { Release } from '../flow.ts'
import { collected } from '../hold.ts'

/**
 * Below this a chunk waits for the end of the present tick and is joined with its neighbours: one system call for all.
 * Copying so little costs less than an entry of a writev.
 */
const smallBytes = 8 * 1024
const batchLimitBytes = 64 * 1024

interface Parcel {
  readonly chunk: Uint8Array
  readonly release: Release
}

/** The writing side of a stream: many small chunks become one, borrowed ones are given back when written. */
export class StreamWriter {
  readonly #stream: Duplex
  readonly #keepsChunks: boolean
  readonly #written: () => void
  #batch: Parcel[] = []
  #batchBytes = 0
  #flushScheduled = false
  #dropped = false

  /**
   * `keepsChunks`: the stream may still have a chunk when its write is done, as a `PassThrough` does. `written` is
   * called, never inside a call of ours, whenever the queue may have become shorter.
   */
  constructor(stream: Duplex, keepsChunks: boolean, written: () => void) {
    this.#stream = stream
    this.#keepsChunks = keepsChunks
    this.#written = written
  }

  get queuedBytes(): number {
    return this.#batchBytes + this.#stream.writableLength
  }

  write(chunk: Uint8Array, release?: Release): void {
    const parcel = this.#own(chunk, release)
    if (chunk.length >= smallBytes) {
      this.#flushWith(parcel)
      return
    }
    this.#batch.push(parcel)
    this.#batchBytes += chunk.length
    if (this.#batchBytes >= batchLimitBytes) this.#flush()
    else this.#flushSoon()
  }

  end(): void {
    this.#flush()
    this.#stream.end()
  }

  /** Gives back what has not been written. What has been given to the stream, the stream gives back. */
  drop(): void {
    this.#dropped = true
    this.#batchBytes = 0
    for (const { release } of this.#batch.splice(0)) release()
  }

  #flushSoon(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    process.nextTick(() => {
      this.#flushScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const [first, second] = this.#batch
    if (!first || this.#dropped) return
    const batch = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    if (!second) {
      this.#writeNow(first)
      return
    }
    this.#writeNow({ chunk: Buffer.concat(batch.map(({ chunk }) => chunk)), release: collected })
    for (const { release } of batch) release()
  }

  /** Without `release` the bytes are borrowed, and whether the kernel takes them all at once is known too late. */
  #own(chunk: Uint8Array, release: Release | undefined): Parcel {
    if (release === collected || (release && !this.#keepsChunks)) return { chunk, release }
    const copy = Buffer.from(chunk)
    release?.()
    return { chunk: copy, release: collected }
  }

  #flushWith(parcel: Parcel): void {
    if (this.#batch.length === 0) {
      this.#writeNow(parcel)
      return
    }
    this.#stream.cork()
    this.#flush()
    this.#writeNow(parcel)
    this.#stream.uncork()
  }

  #writeNow({ chunk, release }: Parcel): void {
    if (release === collected) {
      this.#stream.write(chunk, this.#written)
      return
    }
    this.#stream.write(chunk, () => {
      release()
      this.#written()
    })
  }
}
