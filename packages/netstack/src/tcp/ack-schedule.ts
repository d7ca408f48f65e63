import type { Milliseconds } from '@tunnel/flow'

/** RFC 9293 3.8.6.3 allows up to half a second (MUST-40); what Linux takes at least. */
const ackDelay = 40
/** The first segments are acknowledged at once: the peer is in slow start and counts ACKs. */
const quickSegments = 16

/** When received data is acknowledged: every second full segment, at once where the peer has to know, else a little later (RFC 5681 4.2). */
export class AckSchedule {
  #due = false
  #dueAt: Milliseconds = Number.POSITIVE_INFINITY
  #unacknowledgedBytes = 0
  #quick = quickSegments
  /** The largest segment that has come: an estimate of the peer's segment size. */
  segmentBytes = 536

  /** An ACK has to go out, alone if need be. */
  isDue(now: Milliseconds): boolean {
    return this.#due || now >= this.#dueAt
  }

  get wakeAt(): Milliseconds {
    return this.#due ? 0 : this.#dueAt
  }

  /** Data in order has come. `largestBytes`: what we have told the peer to send at most; `windowBytes`: what it may still send. */
  received(bytes: number, largestBytes: number, windowBytes: number, now: Milliseconds): void {
    this.segmentBytes = Math.min(largestBytes, Math.max(this.segmentBytes, bytes))
    this.#unacknowledgedBytes += bytes
    if (this.#quick > 0) this.#quick -= 1
    // A peer that has little room left may be waiting for us while we wait for its next segment.
    const stalled = windowBytes < 4 * this.segmentBytes
    if (this.#quick > 0 || stalled || this.#unacknowledgedBytes >= 2 * this.segmentBytes) this.#due = true
    else this.#dueAt = Math.min(this.#dueAt, now + ackDelay)
  }

  now(): void {
    this.#due = true
  }

  /** An ACK has gone out. */
  sent(): void {
    this.#due = false
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#unacknowledgedBytes = 0
  }
}
