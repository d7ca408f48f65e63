import type { Hold, Release } from '../flow.ts'
import { collected } from '../hold.ts'

/** What a flow reads at a time into the buffer that all flows of the process share. */
export const sharedBytes = 64 * 1024
/** For a busy flow: a quarter of the system calls. */
export const ownBytes = 256 * 1024
/** Flows that may have buffers of their own at a time; an idle one keeps its own until its next reads. */
export const ownersLimit = 32
/** Smaller reads are copied out, so that a chunk which is held long pins at most so many times its size. */
const pinFactor = 16
/** So many small reads in a row make a busy flow a quiet one. */
const calmReads = 8
/** Of all flows together, used again by whichever reads next: fresh memory costs a clearing and, later, the garbage collector's time. */
const spareLimit = 32

/**
 * libuv reads and calls back in one go, so one buffer serves all flows whose bytes are copied out at once: an idle
 * connection costs none.
 */
let shared: Buffer | undefined
let owners = 0
const spare: Buffer[] = []

/**
 * Buffers that a socket reads into. Quiet flows share one, and the little that comes is copied out of it; a flow that
 * fills it gets large ones of its own, which are used again as soon as their reader is done: at once, or after the
 * `Release` of a held chunk.
 */
export class ReadBuffers {
  #own: Buffer | undefined
  #smallReads = 0
  #disposed = false

  /** Where the next read goes. */
  get current(): Buffer {
    return this.#own ?? (shared ??= Buffer.allocUnsafeSlow(sharedBytes))
  }

  /** Hands out the first `bytes` of the current buffer, which were just read. */
  take(bytes: number, deliver: (chunk: Uint8Array, hold: Hold) => void): void {
    const own = this.#own
    if (own === undefined || bytes < own.length / pinFactor) deliver(Buffer.from(this.current.subarray(0, bytes)), () => collected)
    else this.#lend(own, bytes, deliver)
    this.#adapt(bytes)
  }

  /** The flow is closed: another may have buffers of its own. Held chunks stay what they are. */
  dispose(): void {
    this.#disposed = true
    this.#disown()
  }

  #lend(buffer: Buffer, bytes: number, deliver: (chunk: Uint8Array, hold: Hold) => void): void {
    let held = false
    const release: Release = () => {
      if (held && buffer !== this.#own && owners > 0 && spare.length < spareLimit) spare.push(buffer)
      held = false
    }
    deliver(buffer.subarray(0, bytes), () => {
      held = true
      return release
    })
    if (held && this.#own !== undefined) this.#own = spare.pop() ?? Buffer.allocUnsafeSlow(ownBytes)
  }

  #adapt(bytes: number): void {
    if (this.#own === undefined) {
      if (bytes === sharedBytes && owners < ownersLimit && !this.#disposed) {
        owners += 1
        this.#own = spare.pop() ?? Buffer.allocUnsafeSlow(ownBytes)
      }
      return
    }
    this.#smallReads = bytes < sharedBytes / 4 ? this.#smallReads + 1 : 0
    if (this.#smallReads >= calmReads) this.#disown()
  }

  #disown(): void {
    if (this.#own !== undefined) owners -= 1
    this.#own = undefined
    this.#smallReads = 0
    if (owners === 0) spare.length = 0
  }
}
