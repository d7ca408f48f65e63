import type { Channel, ChannelTransport } from '../channel/channel.ts'

interface Write {
  readonly bytes: Uint8Array
  readonly written: () => void
}

/** A byte stream in memory below one channel; `deliver` is where its bytes go. A paused far end leaves writes unwritten. */
export class MemoryTransport implements ChannelTransport {
  deliver: (bytes: Uint8Array) => void = () => {}
  closed: () => void = () => {}
  /** Of this end's reading. */
  paused = false
  /** Bytes given to the far end so far. */
  sentBytes = 0
  #far: MemoryTransport | undefined
  #writes: Write[] = []
  #running = false

  join(far: MemoryTransport): void {
    this.#far = far
  }

  write(bytes: Uint8Array, written: () => void): void {
    this.#writes.push({ bytes, written })
    this.#run()
  }

  pauseReading(): void {
    this.paused = true
  }

  resumeReading(): void {
    this.paused = false
    this.#far?.farReads()
  }

  farReads(): void {
    this.#run()
  }

  async close(): Promise<void> {
    this.#far?.closed()
  }

  /** One write in each turn, as a socket would. */
  #run(): void {
    if (this.#running || this.#writes.length === 0 || this.#far?.paused) return
    this.#running = true
    setImmediate(() => {
      this.#running = false
      if (this.#far?.paused) return
      const write = this.#writes.shift()
      if (write === undefined) return
      this.sentBytes += write.bytes.length
      this.deliver(write.bytes)
      // Whoever reads must not live on bytes that the writer uses again.
      write.bytes.fill(0xee)
      write.written()
      this.#run()
    })
  }
}

/** Two channels back to back. */
export function joinChannels(left: Channel, leftTransport: MemoryTransport, right: Channel, rightTransport: MemoryTransport): void {
  leftTransport.join(rightTransport)
  rightTransport.join(leftTransport)
  leftTransport.deliver = (bytes) => right.reader.push(bytes)
  rightTransport.deliver = (bytes) => left.reader.push(bytes)
  leftTransport.closed = () => left.lost()
  rightTransport.closed = () => right.lost()
}
