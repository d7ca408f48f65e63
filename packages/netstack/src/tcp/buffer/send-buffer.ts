import type { Release } from '@tunnel/flow'
import { seqAdd, seqDiff, seqLess, seqLessOrEqual, type Seq } from '../seq.ts'
import type { Block, BlockPool } from './block-pool.ts'

/** Below this a chunk is copied together with its neighbours: keeping it would cost more than its bytes. */
const copyBelowBytes = 512
/** What is copied goes into blocks of at least this size, so that many small sends make few segments. */
const copyBlockBytes = 4 * 1024

interface Piece {
  readonly start: Seq
  end: Seq
  readonly bytes: Uint8Array
  /** Where in `bytes` the piece begins. */
  readonly offset: number
  readonly release: Release
  /** The block that further small sends may be added to. */
  readonly block: Block | undefined
}

/**
 * Bytes from SND.UNA on that the application has sent: kept as they were given until they are acknowledged, because
 * any of them may have to go out again. Segments are views of them.
 */
export class SendBuffer {
  readonly #pool: BlockPool
  readonly #pieces: Piece[] = []
  #first = 0
  #start: Seq
  #end: Seq

  /** `start`: the sequence number of the first byte that will be sent. */
  constructor(pool: BlockPool, start: Seq) {
    this.#pool = pool
    this.#start = start
    this.#end = start
  }

  /** After the last byte. */
  get end(): Seq {
    return this.#end
  }

  get bytes(): number {
    return seqDiff(this.#end, this.#start)
  }

  /** Takes all of `chunk`: without `release`, or when it is small, as a copy. */
  append(chunk: Uint8Array, release: Release | undefined): void {
    if (release && chunk.length >= copyBelowBytes) {
      this.#push(chunk, 0, chunk.length, release, undefined)
      return
    }
    let taken = 0
    while (taken < chunk.length) taken += this.#copy(taken === 0 ? chunk : chunk.subarray(taken))
    release?.()
  }

  /** Views of `length` bytes from `seq` on, which must be in the buffer. */
  view(seq: Seq, length: number): Uint8Array[] {
    const parts: Uint8Array[] = []
    const end = seqAdd(seq, length)
    let at = seq
    for (let index = this.#find(seq); seqLess(at, end); index += 1) {
      const piece = this.#pieces[index]
      if (!piece) break
      const from = piece.offset + seqDiff(at, piece.start)
      const bytes = Math.min(seqDiff(piece.end, at), seqDiff(end, at))
      const part = piece.bytes.subarray(from, from + bytes)
      if (bytes === length) return [part]
      parts.push(part)
      at = seqAdd(at, bytes)
    }
    return parts
  }

  /** Everything before `seq` has arrived. */
  acknowledge(seq: Seq): void {
    this.#start = seq
    for (let piece = this.#pieces[this.#first]; piece && seqLessOrEqual(piece.end, seq); piece = this.#pieces[this.#first]) {
      this.#first += 1
      piece.release()
    }
    if (this.#first === this.#pieces.length) {
      this.#pieces.length = 0
      this.#first = 0
    } else if (this.#first > 64 && this.#first * 2 > this.#pieces.length) {
      this.#pieces.splice(0, this.#first)
      this.#first = 0
    }
  }

  clear(): void {
    const pieces = this.#pieces.splice(this.#first)
    this.#pieces.length = 0
    this.#first = 0
    this.#end = this.#start
    for (const piece of pieces) piece.release()
  }

  /** Into the last block if it has room, else into a new one; returns how much found room. */
  #copy(chunk: Uint8Array): number {
    const last = this.#pieces.length > this.#first ? this.#pieces.at(-1) : undefined
    if (last?.block) {
      const used = last.offset + seqDiff(last.end, last.start)
      const bytes = Math.min(chunk.length, last.bytes.length - used)
      if (bytes > 0) {
        last.bytes.set(bytes === chunk.length ? chunk : chunk.subarray(0, bytes), used)
        last.end = seqAdd(last.end, bytes)
        this.#end = last.end
        return bytes
      }
    }
    const block = this.#pool.take(Math.max(chunk.length, last ? copyBlockBytes : 0))
    const bytes = Math.min(chunk.length, block.bytes.length)
    block.bytes.set(bytes === chunk.length ? chunk : chunk.subarray(0, bytes))
    this.#push(block.bytes, 0, bytes, () => block.release(), block)
    return bytes
  }

  #push(bytes: Uint8Array, offset: number, length: number, release: Release, block: Block | undefined): void {
    const start = this.#end
    this.#end = seqAdd(start, length)
    this.#pieces.push({ start, end: this.#end, bytes, offset, release, block })
  }

  /** Index of the piece that holds `seq`, by halving. */
  #find(seq: Seq): number {
    let low = this.#first
    let high = this.#pieces.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      const piece = this.#pieces[middle]
      if (piece && seqLessOrEqual(piece.end, seq)) low = middle + 1
      else high = middle
    }
    return low
  }
}
