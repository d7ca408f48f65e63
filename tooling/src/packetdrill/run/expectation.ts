import type { EventTime } from '../script.ts'

/** Linux's, so that a script that runs there runs here: 4 ms, or an eighth of the time since the event before. */
const leastTolerance = 4
const share = 0.125

/** When an event is due, and how far from that it may be. Times are of the script. */
export interface Due {
  readonly from: number
  readonly to: number
  readonly tolerance: number
}

export function dueTime(time: EventTime, previous: number, least = leastTolerance): Due {
  if (time.origin === 'any') return { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY, tolerance: 0 }
  const base = time.origin === 'previous' ? previous : 0
  return { from: base + time.from, to: base + time.to, tolerance: Math.max(least, share * (base + time.from - previous)) }
}

export function inTime({ from, to, tolerance }: Due, at: number): boolean {
  return at >= from - tolerance && at <= to + tolerance
}

/** `0.200 s`, or `0.2~0.3 s`. */
export function dueWords({ from, to }: Due): string {
  return from === to ? secondsWords(from) : `${(from / 1_000).toFixed(3)}~${secondsWords(to)}`
}

export function secondsWords(at: number): string {
  return `${(at / 1_000).toFixed(3)} s`
}
