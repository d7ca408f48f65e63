import type { Hold } from '@tunnel/flow'
import type { SackBlock } from '../../wire/tcp-options.ts'
import { seqAdd, seqDiff, seqLess, seqLessOrEqual, type Seq } from '../seq.ts'
import { blockBytesFor, type Block, type BlockPool } from './block-pool.ts'
import { ByteRanges } from './byte-ranges.ts'

/** Gaps that are kept track of: with more, segments out of order are dropped, and sent again by the peer. */
const rangeLimit = 1024
const firstBlockOutOfOrderBytes = 16 * 1024

interface Place {
  readonly start: Seq
  readonly end: Seq
  /** Memory is taken when the first byte comes. */
  block: Block | undefined
}

export type Insertion = 'in-order' | 'out-of-order' | 'duplicate' | 'dropped'

/** Bytes for the application. Returns whether it takes more. */
export type Deliver = (chunk: Uint8Array, hold: Hold) => boolean

/**
 * What has arrived and not yet been read. Each byte is copied once, to its own place in a block, in whatever order
 * segments come; the application is given views of the blocks. Empty, it holds no memory.
 */
export class ReceiveBuffer {
  readonly #pool: BlockPool
  /** Consecutive, from the first unread byte on. */
  readonly #places: Place[] = []
  readonly #ranges = new ByteRanges(rangeLimit)
  #read: Seq
  #next: Seq

  /** `start`: the sequence number of the first byte that will come. */
  constructor(pool: BlockPool, start: Seq) {
    this.#pool = pool
    this.#read = start
    this.#next = start
  }

  /** After the last byte in order: RCV.NXT, but for a FIN. */
  get next(): Seq {
    return this.#next
  }

  /** Bytes in order that wait for the application. */
  get readable(): number {
    return seqDiff(this.#next, this.#read)
  }

  get hasGaps(): boolean {
    return this.#ranges.count > 0
  }

  /** Takes bytes that lie wholly at `next` or later; the window has been checked. */
  insert(seq: Seq, payload: Uint8Array): Insertion {
    const end = seqAdd(seq, payload.length)
    if (seq === this.#next) {
      this.#write(seq, payload)
      this.#next = this.#ranges.count === 0 ? end : this.#ranges.absorb(end)
      return 'in-order'
    }
    if (this.#ranges.covers(seq, end)) return 'duplicate'
    if (!this.#ranges.add(seq, end)) return 'dropped'
    this.#write(seq, payload)
    return 'out-of-order'
  }

  /** Ranges beyond `next`, the latest first (RFC 2018 4). */
  sackBlocks(count: number): SackBlock[] {
    return this.#ranges.latest(count)
  }

  rangeAround(seq: Seq): SackBlock | undefined {
    return this.#ranges.around(seq)
  }

  /** Gives out what is in order, one chunk per block, until `deliver` says stop. `clear` may be called meanwhile. */
  read(deliver: Deliver): void {
    for (let more = true; more && this.#read !== this.#next; ) {
      const place = this.#places[0]
      if (!place?.block) return
      const { block } = place
      const end = seqLess(place.end, this.#next) ? place.end : this.#next
      const from = seqDiff(this.#read, place.start)
      const chunk = block.bytes.subarray(from, seqDiff(end, place.start))
      this.#read = end
      block.retain()
      if (end === place.end) this.#dropFirst()
      more = deliver(chunk, holdBlock(block))
      block.release()
    }
    if (this.#read === this.#next && this.#ranges.count === 0) this.#releaseAll()
  }

  /** Nothing comes behind `next`: what lies there all the same is dropped. */
  truncate(): void {
    this.#ranges.clear()
    if (this.#read === this.#next) return this.#releaseAll()
    for (let last = this.#places.at(-1); last && !seqLess(last.start, this.#next); last = this.#places.at(-1)) {
      last.block?.release()
      this.#places.pop()
    }
  }

  clear(): void {
    this.#read = this.#next
    this.#ranges.clear()
    this.#releaseAll()
  }

  #write(seq: Seq, payload: Uint8Array): void {
    let taken = 0
    for (let index = this.#placeOf(seq, payload.length); taken < payload.length; index += 1) {
      const place = this.#places[index] ?? this.#addPlace(payload.length - taken)
      const at = seqAdd(seq, taken)
      const bytes = Math.min(payload.length - taken, seqDiff(place.end, at))
      place.block ??= this.#pool.take(seqDiff(place.end, place.start))
      place.block.bytes.set(bytes === payload.length ? payload : payload.subarray(taken, taken + bytes), seqDiff(at, place.start))
      taken += bytes
    }
  }

  /** Index of the place of `seq`; places are laid out up to it. */
  #placeOf(seq: Seq, bytes: number): number {
    let last = this.#places.at(-1) ?? this.#addPlace(seq === this.#next ? bytes : firstBlockOutOfOrderBytes)
    while (seqLessOrEqual(last.end, seq)) last = this.#addPlace(bytes)
    let index = this.#places.length - 1
    while (index > 0 && seqLess(seq, this.#places[index]?.start ?? seq)) index -= 1
    return index
  }

  /** Small blocks for few bytes, larger ones the more there is before them. */
  #addPlace(bytes: number): Place {
    const last = this.#places.at(-1)
    const start = last?.end ?? this.#read
    const wanted = last ? Math.max(bytes, 8 * seqDiff(last.end, last.start)) : bytes
    const place: Place = { start, end: seqAdd(start, blockBytesFor(wanted)), block: undefined }
    this.#places.push(place)
    return place
  }

  #dropFirst(): void {
    this.#places.shift()?.block?.release()
  }

  #releaseAll(): void {
    while (this.#places.length > 0) this.#dropFirst()
  }
}

function holdBlock(block: Block): Hold {
  return () => {
    block.retain()
    let held = true
    return () => {
      if (held) block.release()
      held = false
    }
  }
}
