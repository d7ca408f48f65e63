import type { Offload, PacketDevice } from '@tunnel/flow'
import { gather, gatheredBytes } from './gather.ts'

export interface MemoryPipeOptions {
  /** Longest packet. Default 1500. */
  readonly mtu?: number
  /** Default: none. `{ checksum: true, segmentationBytes: 65535 }` is what a good TUN has. */
  readonly offload?: Offload
  /** Packets that wait in one direction; more are dropped, as by a card whose ring is full. Default 256: memory of many more is out of the processor's cache when it is read. */
  readonly queueLimit?: number
  /**
   * Calls `deliver` later, once for each time that it is given. Default: in a microtask, the fastest way; two busy ends then leave no turn to timers, which
   * `setImmediate` or a clock's `after` does.
   */
  readonly schedule?: (deliver: () => void) => void
}

export const noOffload: Offload = { checksum: false, segmentationBytes: 0 }

/** Two devices that are joined by memory: what one transmits, the other receives, in order, later. One copy, into memory that is used again. */
export function createMemoryPipe(options: MemoryPipeOptions = {}): [PacketDevice, PacketDevice] {
  const left = new MemoryDevice('memory-left', options)
  const right = new MemoryDevice('memory-right', options)
  left.join(right)
  right.join(left)
  return [left, right]
}

/** Packets in one batch: the other side is to have its turn. */
const batchLimit = 64
/** Buffers kept for the next packets. */
const spareLimit = 128

class MemoryDevice implements PacketDevice {
  readonly name: string
  readonly mtu: number
  readonly offload: Offload
  readonly #queueLimit: number
  readonly #bufferBytes: number
  readonly #schedule: (deliver: () => void) => void
  readonly #deliver = (): void => this.#deliverBatch()
  #peer: MemoryDevice = this
  #receive: ((packets: readonly Uint8Array[]) => void) | undefined
  /** On their way to us. */
  #queue: Uint8Array[] = []
  readonly #spare: Uint8Array[] = []
  #scheduled = false
  #closed = false

  /** The default is a call and not a reference: a browser's `queueMicrotask` is nobody's method. */
  constructor(name: string, { mtu = 1500, offload = noOffload, queueLimit = 256, schedule = (deliver) => queueMicrotask(deliver) }: MemoryPipeOptions) {
    this.name = name
    this.mtu = mtu
    this.offload = offload
    this.#queueLimit = queueLimit
    this.#bufferBytes = Math.max(mtu, offload.segmentationBytes)
    this.#schedule = schedule
  }

  join(peer: MemoryDevice): void {
    this.#peer = peer
  }

  start(receive: (packets: readonly Uint8Array[]) => void): void {
    this.#receive = receive
    this.#plan()
  }

  transmit(parts: readonly Uint8Array[]): boolean {
    const peer = this.#peer
    return !this.#closed && gatheredBytes(parts) <= this.#bufferBytes && peer.#take(parts)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#queue = []
    this.#spare.length = 0
  }

  #take(parts: readonly Uint8Array[]): boolean {
    if (this.#closed || this.#queue.length >= this.#queueLimit) return false
    this.#queue.push(gather(parts, this.#spare.pop() ?? new Uint8Array(this.#bufferBytes)))
    this.#plan()
    return true
  }

  #plan(): void {
    if (this.#scheduled || !this.#receive || this.#queue.length === 0) return
    this.#scheduled = true
    this.#schedule(this.#deliver)
  }

  #deliverBatch(): void {
    this.#scheduled = false
    if (this.#closed || !this.#receive) return
    const batch = this.#queue.splice(0, batchLimit)
    this.#receive(batch)
    for (const packet of batch) if (this.#spare.length < spareLimit) this.#spare.push(packet.length === this.#bufferBytes ? packet : new Uint8Array(packet.buffer))
    this.#plan()
  }
}
