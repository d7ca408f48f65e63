import type { Milliseconds } from '@tunnel/flow'

/** Sizes of blocks: for a lone small segment, for a few full ones, for the largest packet there is. */
const blockSizes = [2 * 1024, 16 * 1024, 64 * 1024] as const
const largestBlockBytes = 64 * 1024

/** What `BlockPool.take` gives for `bytes`: the smallest kind of block that holds them, or the largest there is. */
export function blockBytesFor(bytes: number): number {
  return blockSizes.find((size) => size >= bytes) ?? largestBlockBytes
}

/** Memory that several users count their shares in. The last `release` gives it back to its pool. */
export class Block {
  readonly bytes: Uint8Array
  readonly #pool: BlockPool
  #users = 1

  constructor(bytes: Uint8Array, pool: BlockPool) {
    this.bytes = bytes
    this.#pool = pool
  }

  retain(): void {
    this.#users += 1
  }

  release(): void {
    this.#users -= 1
    if (this.#users === 0) this.#pool.give(this.bytes)
  }
}

/** What is kept of unused blocks while others are in use: as much as many busy connections give back and take again. */
const spareWhileBusyBytes = 32 * 1024 * 1024
/** When nothing has waited anywhere for a while; between two bursts all lie there unused as well, and would be made anew for each. */
const spareAtRestBytes = 4 * 1024 * 1024
const restAfter: Milliseconds = 1_000

/**
 * Blocks of memory for all buffers of a stack. Connections hold some only while bytes wait in them, so an idle one costs
 * none; used blocks are taken again, because fresh memory costs a clearing and, later, the garbage collector's time.
 */
export class BlockPool {
  readonly #spare = new Map<number, Uint8Array[]>(blockSizes.map((size) => [size, []]))
  #spareBytes = 0
  /** Of all blocks that are taken. */
  usedBytes = 0
  /** When `tidy` has something to do; infinity if never. */
  wakeAt: Milliseconds = Number.POSITIVE_INFINITY
  #takenSince = false

  get spareBytes(): number {
    return this.#spareBytes
  }

  take(bytes: number): Block {
    const size = blockBytesFor(bytes)
    this.usedBytes += size
    this.#takenSince = true
    const spare = this.#spare.get(size)?.pop()
    if (!spare) return new Block(new Uint8Array(size), this)
    this.#spareBytes -= size
    return new Block(spare, this)
  }

  give(bytes: Uint8Array): void {
    this.usedBytes -= bytes.length
    if (this.#spareBytes + bytes.length <= spareWhileBusyBytes) {
      this.#spareBytes += bytes.length
      this.#spare.get(bytes.length)?.push(bytes)
    }
  }

  /** Lets go of what is spare once no block has been taken for a while. To be called now and then, and at `wakeAt`. */
  tidy(now: Milliseconds): void {
    if (this.#spareBytes <= spareAtRestBytes) {
      this.wakeAt = Number.POSITIVE_INFINITY
    } else if (this.#takenSince || this.wakeAt === Number.POSITIVE_INFINITY) {
      this.wakeAt = now + restAfter
    } else if (now >= this.wakeAt) {
      this.#shrink()
      this.wakeAt = Number.POSITIVE_INFINITY
    }
    this.#takenSince = false
  }

  #shrink(): void {
    for (const [size, blocks] of this.#spare) {
      while (this.#spareBytes > spareAtRestBytes && blocks.pop()) this.#spareBytes -= size
    }
  }
}
