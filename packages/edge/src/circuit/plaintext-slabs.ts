import { holdCollected, type Hold } from '@tunnel/flow'

interface Slab {
  readonly bytes: Uint8Array
  used: number
  /** Chunks that somebody keeps, and those being delivered. */
  holders: number
}

const slabBytes = 256 * 1024
const pooledSlabs = 4
/** Smaller chunks get memory of their own, for 1 us: one that is held long would pin a whole slab, and a slow reader holds thousands. */
const smallBytes = 4 * 1024

/**
 * Where received bytes lie in the clear. A chunk is written once, lent to a handler, and its place is used again at once
 * unless the handler held it; a slab that was left with held chunks is used again when the last is released.
 */
export class PlaintextSlabs {
  readonly #free: Slab[] = []
  #slab: Slab = { bytes: new Uint8Array(slabBytes), used: 0, holders: 0 }

  /** Place for one chunk. Give it to `lend` before the next call. */
  take(bytes: number): Uint8Array {
    if (bytes > slabBytes || bytes < smallBytes) return new Uint8Array(bytes)
    if (this.#slab.used + bytes > slabBytes) this.#slab = this.#free.pop() ?? { bytes: new Uint8Array(slabBytes), used: 0, holders: 0 }
    return this.#slab.bytes.subarray(this.#slab.used, this.#slab.used + bytes)
  }

  lend(chunk: Uint8Array, use: (chunk: Uint8Array, hold: Hold) => void): void {
    const slab = this.#slab
    if (chunk.buffer !== slab.bytes.buffer) return use(chunk, holdCollected)
    const at = slab.used
    let held = false
    slab.used = at + chunk.length
    slab.holders += 1
    use(chunk, () => {
      held = true
      slab.holders += 1
      return () => this.#release(slab)
    })
    if (!held && slab.used === at + chunk.length) slab.used = at
    this.#release(slab)
  }

  #release(slab: Slab): void {
    slab.holders -= 1
    if (slab.holders > 0) return
    slab.used = 0
    if (slab !== this.#slab && this.#free.length < pooledSlabs) this.#free.push(slab)
  }
}
