import type { Clock, Milliseconds } from '../clock.ts'

export interface VirtualClock extends Clock {
  /**
   * Moves time on by `span` and makes the calls that fall due, in order of time and then of scheduling; also those
   * that are scheduled meanwhile. Each call sees its own due time as `now()`.
   */
  advance(span: Milliseconds): void
  /** Calls that wait. */
  readonly pending: number
}

interface Scheduled {
  readonly due: Milliseconds
  readonly call: () => void
}

/** A clock that stands still until `advance`. Starts at 0. */
export function createVirtualClock(): VirtualClock {
  let now = 0
  const scheduled = new Set<Scheduled>()

  // A set keeps insertion order, so the first of the earliest is the one that was scheduled first.
  const earliest = (until: Milliseconds): Scheduled | undefined => {
    let found: Scheduled | undefined
    for (const entry of scheduled) if (entry.due <= until && (!found || entry.due < found.due)) found = entry
    return found
  }

  return {
    now: () => now,
    get pending() {
      return scheduled.size
    },
    after(delay, call) {
      const entry = { due: now + Math.max(0, delay), call }
      scheduled.add(entry)
      return () => scheduled.delete(entry)
    },
    advance(span) {
      const until = now + span
      for (let next = earliest(until); next; next = earliest(until)) {
        scheduled.delete(next)
        now = next.due
        next.call()
      }
      now = until
    },
  }
}
