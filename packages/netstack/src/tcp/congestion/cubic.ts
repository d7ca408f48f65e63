import type { Milliseconds } from '@tunnel/flow'
import { initialWindowBytes, type AckedBytes, type CongestionControl } from './congestion-control.ts'

/** C, in segments per second cubed, and the part of the window that a loss leaves (RFC 9438 5.1, 4.6). */
const aggressiveness = 0.4
const decrease = 0.7
/** Growth per round trip that makes as much of a path as Reno would with its halvings (RFC 9438 4.3). */
const friendlyIncrease = (3 * (1 - decrease)) / (1 + decrease)

interface Saved {
  readonly windowBytes: number
  readonly thresholdBytes: number
  readonly plateau: number
}

/**
 * CUBIC (RFC 9438): after a loss the window grows fast to near where the loss was, waits there, and then looks beyond. What Linux does
 * by default, so that we take as much of a path as our neighbours do and no more. Sizes of the RFC's formulas are segments.
 */
export class Cubic implements CongestionControl {
  readonly name = 'cubic'
  windowBytes: number
  thresholdBytes = Number.POSITIVE_INFINITY
  #mss: number
  /** W_max: the window before the last reduction. */
  #plateau = 0
  /** t_epoch: congestion avoidance began then; undefined until its first ACK. */
  #epoch: Milliseconds | undefined
  /** K: seconds until the plateau is reached again. */
  #rise = 0
  /** W_est: where Reno would be. */
  #friendly = 0
  /** cwnd_prior */
  #priorWindow = 0
  #saved: Saved | undefined

  constructor(mssBytes: number) {
    this.#mss = mssBytes
    this.windowBytes = initialWindowBytes(mssBytes)
  }

  acked({ bytes, flightBytes, now, roundTrip }: AckedBytes): void {
    const slowStart = this.windowBytes < this.thresholdBytes
    // A window that was not used says nothing about the path (RFC 9438 4.2, 5.8).
    if (flightBytes * (slowStart ? 2 : 1) + 3 * this.#mss < this.windowBytes) {
      this.#epoch = undefined
      return
    }
    if (slowStart) this.windowBytes = Math.min(this.windowBytes + bytes, Math.max(this.thresholdBytes, this.windowBytes))
    else this.#avoidCongestion(bytes / this.#mss, now, roundTrip)
  }

  lossDetected(flightBytes: number): void {
    this.#reduce(flightBytes)
  }

  timedOut(flightBytes: number): void {
    this.#reduce(flightBytes)
    this.windowBytes = this.#mss
  }

  recovered(): void {
    this.windowBytes = Math.min(this.thresholdBytes, Math.max(this.windowBytes, this.thresholdBytes))
  }

  undo(): void {
    if (!this.#saved) return
    this.windowBytes = Math.max(this.windowBytes, this.#saved.windowBytes)
    this.thresholdBytes = Math.max(this.thresholdBytes, this.#saved.thresholdBytes)
    this.#plateau = this.#saved.plateau
    this.#epoch = undefined
    this.#saved = undefined
  }

  restart(windowBytes: number): void {
    this.windowBytes = Math.min(this.windowBytes, windowBytes)
    this.#epoch = undefined
  }

  mssChanged(mssBytes: number): void {
    this.#mss = mssBytes
    this.#epoch = undefined
  }

  #reduce(flightBytes: number): void {
    const window = this.windowBytes / this.#mss
    this.#saved = { windowBytes: this.windowBytes, thresholdBytes: this.thresholdBytes, plateau: this.#plateau }
    this.#priorWindow = window
    // Fast convergence: a window that shrinks from one loss to the next makes room for newcomers (RFC 9438 4.7).
    this.#plateau = window < this.#plateau ? (window * (1 + decrease)) / 2 : window
    this.thresholdBytes = Math.max(flightBytes * decrease, 2 * this.#mss)
    this.#epoch = undefined
  }

  /** RFC 9438 4.2 to 4.5. */
  #avoidCongestion(acked: number, now: Milliseconds, roundTrip: Milliseconds): void {
    const window = this.windowBytes / this.#mss
    if (this.#epoch === undefined) this.#startEpoch(window, now)
    const seconds = (now - (this.#epoch ?? now)) / 1_000
    this.#friendly += ((this.#friendly < this.#priorWindow ? friendlyIncrease : 1) * acked) / window
    if (this.#cubicAt(seconds) < this.#friendly) {
      this.windowBytes = Math.max(window, this.#friendly) * this.#mss
      return
    }
    const target = Math.min(Math.max(this.#cubicAt(seconds + roundTrip / 1_000), window), 1.5 * window)
    this.windowBytes = (window + ((target - window) / window) * acked) * this.#mss
  }

  #startEpoch(window: number, now: Milliseconds): void {
    this.#epoch = now
    this.#friendly = window
    this.#plateau = Math.max(this.#plateau, window)
    this.#rise = Math.cbrt((this.#plateau - window) / aggressiveness)
  }

  #cubicAt(seconds: number): number {
    return aggressiveness * (seconds - this.#rise) ** 3 + this.#plateau
  }
}
