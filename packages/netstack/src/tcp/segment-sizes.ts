/** Windows of fewer segments than this are divided evenly. */
const fewSegments = 32

/** How much data one segment carries: what peer and path take, and what the device cuts itself. */
export class SegmentSizes {
  /** Of the largest segment that the peer and the path take. */
  mss: number
  #offloadBytes: number

  /** `offloadBytes`: data of the largest segment that the device takes and cuts itself; 0 if it cuts none. */
  constructor(mss: number, offloadBytes: number) {
    this.mss = mss
    this.#offloadBytes = offloadBytes
  }

  /**
   * A full segment. Of a peer whose window never was larger than a few segments (`largestWindow`) it is the part that leaves no rest, which would
   * be too small to send, so that up to half of such a window would never be used. The parts are even in number, because ACKs come for pairs.
   */
  full(largestWindow: number): number {
    if (largestWindow >= fewSegments * this.mss || largestWindow <= this.mss) return this.mss
    return Math.floor(largestWindow / (2 * Math.ceil(largestWindow / (2 * this.mss))))
  }

  /** What the device takes at once: some full segments, where it cuts them. */
  largest(largestWindow: number): number {
    const full = this.full(largestWindow)
    return Math.max(full, this.#offloadBytes - (this.#offloadBytes % full))
  }

  /** As much of `bytes` as fills whole segments, at least one. */
  whole(bytes: number): number {
    return bytes === Number.POSITIVE_INFINITY ? bytes : Math.max(this.mss, bytes - (bytes % this.mss))
  }

  /** The device cuts no segments any more: each is to have a header of its own. */
  cutBeforehand(): void {
    this.#offloadBytes = 0
  }
}
