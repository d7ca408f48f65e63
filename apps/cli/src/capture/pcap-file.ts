import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { CodedError } from '@tunnel/flow'

/**
 * A capture file. What was given is with the system at the end of each turn, in order: whoever reads it while we run, or after we were killed, finds whole
 * packets.
 */
export interface PcapFile {
  write(piece: Uint8Array): void
  close(): void
}

/** So much is kept within one turn. */
const mostWaitingBytes = 4 << 20

/** What was in the file is lost; others cannot read it. Throws `capture.file`. `onFailure` hears of a full disk: then the file ends with a whole packet. */
export function createPcapFile(path: string, onFailure: (error: Error) => void): PcapFile {
  return new File(path, onFailure)
}

class File implements PcapFile {
  readonly #fd: number
  readonly #onFailure: (error: Error) => void
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #written = 0
  #closed = false
  readonly #flush = (): void => this.#writeWaiting()

  constructor(path: string, onFailure: (error: Error) => void) {
    this.#onFailure = onFailure
    try {
      this.#fd = openSync(path, 'w', 0o600)
    } catch (error) {
      throw new CodedError('capture.file', `cannot write the capture to ${path}: ${(error as Error).message}`, { cause: error })
    }
    process.once('exit', this.#flush)
  }

  write(piece: Uint8Array): void {
    if (this.#closed) return
    if (this.#waiting.length === 0) setImmediate(this.#flush)
    this.#waiting.push(piece)
    this.#waitingBytes += piece.length
    if (this.#waitingBytes > mostWaitingBytes) this.#writeWaiting()
  }

  close(): void {
    this.#writeWaiting()
    this.#end()
  }

  #writeWaiting(): void {
    if (this.#closed || this.#waiting.length === 0) return
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at)
      this.#written += bytes.length
    } catch (error) {
      // Half a packet at the end would be an error to whoever reads it.
      ignoring(() => ftruncateSync(this.#fd, this.#written))
      this.#end()
      this.#onFailure(error as Error)
    }
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    process.off('exit', this.#flush)
    closeSync(this.#fd)
  }
}

/** A pipe cannot be cut. */
function ignoring(call: () => void): void {
  try {
    call()
  } catch {}
}
