import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { encodeFrame, frameMagic, frameHeadBytes, ContentType, HeaderId } from '@tunnel/edge/wire'
import type { Clock, Milliseconds } from '@tunnel/flow'

export type HeaderEntry = readonly [id: number, value: Uint8Array]

export interface FrameWriterOptions {
  readonly stream: Duplex
  readonly clock: Clock
  /** Called after each write, when there is room. */
  readonly drained: () => void
}

const slabBytes = 128 * 1024
const spareSlabs = 2
/** Less than that is copied out of its slab. */
const smallBytes = 16 * 1024
/** Data is taken while less than this waits for the socket. */
const roomBytes = 256 * 1024
/** A delayed channel must keep more on its way, or the delay would throttle it. */
const delayedRoomBytes = 4 * 1024 * 1024
const entryHeadBytes = 8
const largestSequence = 0x7f_ff_ff_ff

/** Bytes for one write, and the slab that they lie in if it can be used again. */
interface Batch {
  readonly bytes: Uint8Array
  readonly slab: Slab | undefined
}

interface Slab {
  readonly bytes: Uint8Array
  readonly data: DataView
}

const createSlab = (): Slab => {
  const bytes = Buffer.allocUnsafeSlow(slabBytes)
  return { bytes, data: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
}

/**
 * Writes frames to a stream: all of one turn of the event loop go out in one write, from slabs that are used again.
 */
export class FrameWriter {
  readonly #options: FrameWriterOptions
  #slab: Slab | undefined
  #used = 0
  readonly #spare: Slab[] = []
  readonly #spareSlabs: number
  #sequence = 0
  #scheduled = false
  #held = false
  #dead = false
  /** Bytes handed to the stream, or delayed, and not yet written. */
  #inFlight = 0
  #controlBytes = 0
  #delay: Milliseconds = 0
  /** In the order in which they go out, whichever timer rings first: those of a busy process need not keep theirs. */
  readonly #delayed: Batch[] = []
  #lastDue: Milliseconds = 0
  /** Written while held. */
  #kept: Batch[] = []

  constructor(options: FrameWriterOptions) {
    this.#options = options
    // A socket has copied what it called back for; a stream in memory may have passed on the very bytes.
    this.#spareSlabs = options.stream instanceof Socket ? spareSlabs : 0
  }

  get queuedBytes(): number {
    return this.#inFlight + this.#used
  }

  /** About how many of them are frames other than data. It only shrinks when the peer reads. */
  get controlBytes(): number {
    return this.#controlBytes
  }

  get room(): boolean {
    return !this.#held && !this.#dead && this.queuedBytes < (this.#delay > 0 ? delayedRoomBytes : roomBytes)
  }

  delay(milliseconds: Milliseconds): void {
    this.#delay = milliseconds
  }

  /** Returns the sequence of the frame. */
  control(contentType: number, headers: readonly HeaderEntry[], body?: Uint8Array, sequence = this.#next()): number {
    const frame = encodeFrame({ contentType, sequence, headers, ...(body && { body }) })
    this.#controlBytes += frame.length
    if (frame.length > slabBytes) {
      this.flush()
      this.#write({ bytes: frame, slab: undefined })
    } else {
      const { slab, at } = this.#reserve(frame.length)
      slab.bytes.set(frame, at)
    }
    return sequence
  }

  /** The hot path: a data message is written where it will be sent from. Flags of 0 are left out. */
  data(connectionId: number, flags: number, uuid: Uint8Array | undefined, body: Uint8Array): void {
    const headerBytes = 12 + (flags === 0 ? 0 : 12) + (uuid === undefined ? 0 : entryHeadBytes + uuid.length)
    const size = frameHeadBytes + headerBytes + body.length
    const large = size > slabBytes
    if (large) this.flush()
    const { slab, at } = large ? { slab: largeSlab(size), at: 0 } : this.#reserve(size)
    const { data, bytes } = slab
    data.setUint32(at, frameMagic, true)
    data.setInt32(at + 4, ContentType.Data, true)
    data.setInt32(at + 8, this.#next(), true)
    data.setUint32(at + 12, headerBytes, true)
    data.setUint32(at + 16, body.length, true)
    let next = writeUint32Header(data, at + frameHeadBytes, HeaderId.ConnId, connectionId)
    if (flags !== 0) next = writeUint32Header(data, next, HeaderId.Flags, flags)
    if (uuid !== undefined) {
      data.setInt32(next, HeaderId.Uuid, true)
      data.setUint32(next + 4, uuid.length, true)
      bytes.set(uuid, next + entryHeadBytes)
      next += entryHeadBytes + uuid.length
    }
    bytes.set(body, next)
    if (large) this.#write({ bytes, slab: undefined })
  }

  /** Keeps everything back until `release`. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    const kept = this.#kept
    this.#kept = []
    for (const batch of kept) this.#send(batch)
    this.flush()
    this.#drained()
  }

  flush(): void {
    if (!this.#held) this.#handOver()
  }

  /** Nothing goes out any more. */
  kill(): void {
    this.#dead = true
    this.#slab = undefined
    this.#used = 0
    this.#kept = []
  }

  #next(): number {
    this.#sequence = this.#sequence === largestSequence ? 1 : this.#sequence + 1
    return this.#sequence
  }

  #reserve(size: number): { slab: Slab; at: number } {
    if (this.#used + size > slabBytes) this.#handOver()
    this.#slab ??= this.#spare.pop() ?? createSlab()
    const at = this.#used
    this.#used += size
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.flush()
      })
    }
    return { slab: this.#slab, at }
  }

  #handOver(): void {
    const slab = this.#slab
    if (slab === undefined) return
    const bytes = slab.bytes.subarray(0, this.#used)
    this.#used = 0
    // A few bytes must not hold a whole slab, or a peer that lets them wait would hold a thousand.
    if (bytes.length < smallBytes) return this.#write({ bytes: Buffer.from(bytes), slab: undefined })
    this.#slab = undefined
    this.#write({ bytes, slab })
  }

  #write(batch: Batch): void {
    if (this.#dead) return
    this.#inFlight += batch.bytes.length
    // A batch without delay must not overtake one with.
    if (this.#delay === 0 && this.#delayed.length === 0) return this.#send(batch)
    const now = this.#options.clock.now()
    this.#lastDue = Math.max(this.#lastDue, now + this.#delay)
    this.#delayed.push(batch)
    this.#options.clock.after(this.#lastDue - now, () => {
      const next = this.#delayed.shift()
      if (next) this.#send(next)
    })
  }

  #send(batch: Batch): void {
    if (this.#dead) return
    if (this.#held) {
      this.#kept.push(batch)
      return
    }
    this.#options.stream.write(batch.bytes, () => {
      this.#inFlight -= batch.bytes.length
      if (batch.slab !== undefined && this.#spare.length < this.#spareSlabs) this.#spare.push(batch.slab)
      this.#controlBytes = this.queuedBytes === 0 ? 0 : Math.max(0, this.#controlBytes - batch.bytes.length)
      this.#drained()
    })
  }

  #drained(): void {
    if (this.room) this.#options.drained()
  }
}

function largeSlab(size: number): Slab {
  const bytes = Buffer.allocUnsafeSlow(size)
  return { bytes, data: new DataView(bytes.buffer, bytes.byteOffset, size) }
}

function writeUint32Header(data: DataView, at: number, id: number, value: number): number {
  data.setInt32(at, id, true)
  data.setUint32(at + 4, 4, true)
  data.setUint32(at + 8, value, true)
  return at + 12
}
