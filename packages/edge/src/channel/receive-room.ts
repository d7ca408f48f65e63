/**
 * Bytes that paused circuits of one channel may keep beyond their own bounds, together, so that the others on it go on.
 * Enough for what is on its way when a program such as `iperf3 -R -P 4` stops reading its data and waits for a word on another connection.
 */
export const sharedReceiveBytes = 16 * 1024 * 1024

/** Who uses how much of it. */
export class ReceiveRoom {
  readonly #limitBytes: number
  #used = 0

  constructor(limitBytes: number = sharedReceiveBytes) {
    this.#limitBytes = limitBytes
  }

  get used(): number {
    return this.#used
  }

  /** One user has `to` bytes instead of `from`. False, and nothing changes, where there are not so many. */
  change(from: number, to: number): boolean {
    const used = this.#used - from + to
    if (to > from && used > this.#limitBytes) return false
    this.#used = used
    return true
  }
}
