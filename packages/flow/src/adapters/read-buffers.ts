import type { Hold, Release } from '../flow.ts'
import { collected } from '../hold.ts'

/** For a quiet flow: an idle connection pins no more than this. */
export const quietBytes = 16 * 1024
/** For a busy one: a quarter of the system calls that Node's own 64 KiB reads need. */
export const busyBytes = 256 * 1024
/** Smaller reads are copied out, so that a chunk which is held long pins at most so many times its size. */
const pinFactor = 16
/** So many small reads in a row make a busy flow a quiet one. */
const calmReads = 8
const spareLimit = 4

/**
 * Buffers that a socket reads into, used again as soon as their reader is done with them: at once, or after the
 * `Release` of a held chunk. The size follows the traffic.
 */
export class ReadBuffers {
  #size = quietBytes
  #current: Buffer = Buffer.allocUnsafeSlow(quietBytes)
  readonly #spare: Buffer[] = []
  #smallReads = 0

  /** Where the next read goes. */
  get current(): Buffer {
    return this.#current
  }

  /** Hands out the first `bytes` of the current buffer, which were just read. */
  take(bytes: number, deliver: (chunk: Uint8Array, hold: Hold) => void): void {
    const buffer = this.#current
    if (bytes < this.#size / pinFactor) {
      deliver(Buffer.from(buffer.subarray(0, bytes)), () => collected)
    } else {
      let held = false
      const release: Release = () => this.#giveBack(buffer)
      deliver(buffer.subarray(0, bytes), () => {
        held = true
        return release
      })
      if (held) this.#current = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#size)
    }
    this.#adapt(bytes)
  }

  #giveBack(buffer: Buffer): void {
    if (buffer.length === this.#size && this.#spare.length < spareLimit) this.#spare.push(buffer)
  }

  #adapt(bytes: number): void {
    this.#smallReads = bytes < quietBytes ? this.#smallReads + 1 : 0
    if (this.#size === quietBytes && bytes === quietBytes) this.#resize(busyBytes)
    else if (this.#size === busyBytes && this.#smallReads >= calmReads) this.#resize(quietBytes)
  }

  #resize(size: number): void {
    this.#size = size
    this.#spare.length = 0
    this.#current = Buffer.allocUnsafeSlow(size)
  }
}
