import { defaultFrameLimits, frameHeadBytes, parseFrameHead, parseHeaders, type Frame, type FrameLimits, type FrameRefusal } from './frame.ts'

export interface FrameReaderOptions {
  readonly limits?: FrameLimits
  /** Called once per frame. The frame is borrowed: headers and body are valid until the call returns. */
  readonly frame: (frame: Frame) => void
  /** Called at most once; after it the reader takes nothing more. */
  readonly refused: (reason: FrameRefusal) => void
}

const slabBytes = 256 * 1024
/** Below this much free space a read would come in too small pieces. */
const minimumTailBytes = 32 * 1024

/**
 * Reads frames out of a byte stream with no copy in the common case: the transport reads into `tail()`, says how much
 * by `filled()`, and frames are parsed where they lie. A frame that does not fit the rest of the slab is moved once.
 */
export class FrameReader {
  readonly #options: FrameReaderOptions
  readonly #limits: FrameLimits
  #slab = new Uint8Array(slabBytes)
  #data = new DataView(this.#slab.buffer)
  #start = 0
  #end = 0
  #dead = false

  constructor(options: FrameReaderOptions) {
    this.#options = options
    this.#limits = options.limits ?? defaultFrameLimits
  }

  /** Bytes that wait for the rest of their frame. */
  get pendingBytes(): number {
    return this.#end - this.#start
  }

  /** The free part of the slab: read into its beginning, then call `filled`. Never empty. */
  tail(): Uint8Array {
    return this.#slab.subarray(this.#end)
  }

  filled(bytes: number): void {
    // The transport reads on until it is closed: the tail must not shrink to nothing.
    if (this.#dead) return
    this.#end += bytes
    this.#parse()
  }

  /** For transports that bring their own buffers: copies. */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length && !this.#dead) {
      const part = chunk.subarray(at, at + this.#slab.length - this.#end)
      this.#slab.set(part, this.#end)
      at += part.length
      this.filled(part.length)
    }
  }

  #parse(): void {
    let wanted = frameHeadBytes
    while (!this.#dead) {
      const available = this.#end - this.#start
      wanted = frameHeadBytes
      if (available < frameHeadBytes) break
      const head = parseFrameHead(this.#data, this.#start, this.#limits)
      if (head.kind === 'refused') return this.#refuse(head.reason)
      wanted = frameHeadBytes + head.headerBytes + head.bodyBytes
      if (available < wanted) break
      const headersAt = this.#start + frameHeadBytes
      const bodyAt = headersAt + head.headerBytes
      const headers = parseHeaders(this.#slab.subarray(headersAt, bodyAt))
      if (headers === undefined) return this.#refuse('frame.header-malformed')
      this.#start += wanted
      const body = this.#slab.subarray(bodyAt, this.#start)
      this.#options.frame({ contentType: head.contentType, sequence: head.sequence, headers, body })
    }
    if (!this.#dead) this.#makeRoom(wanted)
  }

  /** Leaves room for the frame that has begun, or for a read worth its call. */
  #makeRoom(wanted: number): void {
    const pending = this.#end - this.#start
    if (pending === 0) {
      this.#start = 0
      this.#end = 0
      if (this.#slab.length > slabBytes) this.#useSlab(new Uint8Array(slabBytes))
      return
    }
    const needed = Math.max(wanted, pending + minimumTailBytes)
    if (this.#start + needed <= this.#slab.length) return
    if (needed <= this.#slab.length) {
      this.#slab.copyWithin(0, this.#start, this.#end)
    } else {
      const larger = new Uint8Array(needed)
      larger.set(this.#slab.subarray(this.#start, this.#end))
      this.#useSlab(larger)
    }
    this.#start = 0
    this.#end = pending
  }

  #useSlab(slab: Uint8Array<ArrayBuffer>): void {
    this.#slab = slab
    this.#data = new DataView(slab.buffer)
  }

  #refuse(reason: FrameRefusal): void {
    this.#dead = true
    this.#start = 0
    this.#end = 0
    this.#options.refused(reason)
  }
}
