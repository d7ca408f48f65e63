import { encodeInt32, frameHeadBytes, frameMagic, HeaderId, ContentType } from '../wire.ts'

/** Takes encoded bytes to the router. */
export interface ByteSink {
  /** `bytes` stay untouched until `written` is called: once, later, never inside this call. */
  write(bytes: Uint8Array, written: () => void): void
}

export type HeaderEntry = readonly [id: number, value: Uint8Array]

export interface FrameWriterOptions {
  readonly sink: ByteSink
  /** Runs `call` at the end of the present turn of the event loop. */
  readonly schedule: (call: () => void) => void
  /** Bytes left for the sink's good. */
  readonly progress: () => void
}

/** Largest plaintext of one data message. Bigger ones save nothing more than they cost in latency (feasibility 8). */
export const messageBytes = 64 * 1024
/** Room for two whole messages with their heads. */
const slabBytes = 2 * (messageBytes + 128)
const pooledSlabs = 10
const headerHeadBytes = 8
/** A head, and headers ConnId and Flags of four bytes each. */
const connIdBytes = headerHeadBytes + 4

interface Slab {
  readonly bytes: Uint8Array
  readonly data: DataView
  /** What lies before is with the sink. */
  start: number
  end: number
  inFlight: number
}

const createSlab = (size: number): Slab => {
  const bytes = new Uint8Array(size)
  return { bytes, data: new DataView(bytes.buffer), start: 0, end: 0, inFlight: 0 }
}

/**
 * Encodes frames straight into slabs that the sink writes whole: one write at the end of the turn, or as soon as a slab
 * is full. A slab is used again only after the sink is done with it.
 */
export class FrameWriter {
  readonly #options: FrameWriterOptions
  readonly #free: Slab[] = []
  #slab = createSlab(slabBytes)
  #flushPending = false
  #queued = 0
  #written = 0

  constructor(options: FrameWriterOptions) {
    this.#options = options
  }

  /** Bytes encoded so far: the position of the next frame in the stream. */
  get position(): number {
    return this.#queued
  }

  /** Bytes that the sink is done with. */
  get writtenPosition(): number {
    return this.#written
  }

  get unsentBytes(): number {
    return this.#queued - this.#written
  }

  frame(contentType: number, sequence: number, headers: readonly HeaderEntry[], body: Uint8Array): void {
    const headerBytes = headers.reduce((sum, [, value]) => sum + headerHeadBytes + value.length, 0)
    const { bytes, data, at: start } = this.#begin(contentType, sequence, headerBytes, body.length)
    let at = start
    for (const [id, value] of headers) {
      data.setInt32(at, id, true)
      data.setUint32(at + 4, value.length, true)
      bytes.set(value, at + headerHeadBytes)
      at += headerHeadBytes + value.length
    }
    bytes.set(body, at)
  }

  /**
   * The frame of the hot path: Data with ConnId, and Flags unless 0. Returns the place of its body, which the caller
   * fills before anything else happens.
   */
  data(sequence: number, connId: number, flags: number, bodyBytes: number): Uint8Array {
    const headerBytes = flags === 0 ? connIdBytes : 2 * connIdBytes
    const { bytes, data, at } = this.#begin(ContentType.Data, sequence, headerBytes, bodyBytes)
    data.setInt32(at, HeaderId.ConnId, true)
    data.setUint32(at + 4, 4, true)
    data.setUint32(at + 8, connId, true)
    if (flags !== 0) {
      data.setInt32(at + 12, HeaderId.Flags, true)
      data.setUint32(at + 16, 4, true)
      data.setUint32(at + 20, flags, true)
    }
    return bytes.subarray(at + headerBytes, at + headerBytes + bodyBytes)
  }

  /** Gives everything encoded to the sink now. */
  flush(): void {
    const slab = this.#slab
    if (slab.start === slab.end) return
    const chunk = slab.bytes.subarray(slab.start, slab.end)
    slab.start = slab.end
    slab.inFlight += 1
    this.#options.sink.write(chunk, () => this.#sunk(slab, chunk.length))
  }

  #begin(contentType: number, sequence: number, headerBytes: number, bodyBytes: number): { bytes: Uint8Array; data: DataView; at: number } {
    const slab = this.#reserve(frameHeadBytes + headerBytes + bodyBytes)
    const { bytes, data } = slab
    const at = slab.end
    data.setUint32(at, frameMagic, true)
    data.setInt32(at + 4, contentType, true)
    data.setInt32(at + 8, sequence, true)
    data.setUint32(at + 12, headerBytes, true)
    data.setUint32(at + 16, bodyBytes, true)
    slab.end += frameHeadBytes + headerBytes + bodyBytes
    this.#queued += frameHeadBytes + headerBytes + bodyBytes
    return { bytes, data, at: at + frameHeadBytes }
  }

  #reserve(bytes: number): Slab {
    if (!this.#flushPending) {
      this.#flushPending = true
      this.#options.schedule(() => {
        this.#flushPending = false
        this.flush()
      })
    }
    if (this.#slab.end + bytes > this.#slab.bytes.length) this.#change(bytes)
    return this.#slab
  }

  #change(bytes: number): void {
    this.flush()
    const full = this.#slab
    this.#slab = bytes > slabBytes ? createSlab(bytes) : (this.#free.pop() ?? createSlab(slabBytes))
    this.#recycle(full)
  }

  #sunk(slab: Slab, bytes: number): void {
    slab.inFlight -= 1
    this.#written += bytes
    this.#recycle(slab)
    this.#options.progress()
  }

  #recycle(slab: Slab): void {
    if (slab.inFlight > 0 || slab.start !== slab.end) return
    slab.start = 0
    slab.end = 0
    // An outsized slab goes to the garbage collector, as does what a burst left over.
    if (slab !== this.#slab && slab.bytes.length === slabBytes && this.#free.length < pooledSlabs) this.#free.push(slab)
  }
}

export const connIdHeader = (connId: number): HeaderEntry => [HeaderId.ConnId, encodeInt32(connId | 0)]
export const replyForHeader = (sequence: number): HeaderEntry => [HeaderId.ReplyFor, encodeInt32(sequence)]
