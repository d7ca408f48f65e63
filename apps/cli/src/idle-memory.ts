import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'
import { systemClock } from '@tunnel/flow'

/** What tells a busy tunneler from a quiet one: how many flows there ever were, and how many there are. */
export interface Activity {
  opened(): number
  live(): number
}

export interface IdleMemoryOptions {
  readonly collect?: () => void
  readonly clock?: Clock
}

const interval: Milliseconds = 5_000

/**
 * V8 keeps what a burst of connections made it take: without allocations it sees no reason to collect. A tunneler
 * that was busy and has had no flow for an interval collects once, to the last, and gives the memory back.
 */
export function returnMemoryWhenIdle(activity: Activity, { collect = collectAll, clock = systemClock }: IdleMemoryOptions = {}): Cancel {
  let seen = 0
  let collected = 0
  let cancel: Cancel = () => {}
  const look = (): void => {
    const opened = activity.opened()
    const quiet = activity.live() === 0 && opened === seen
    if (quiet && opened > collected) {
      collected = opened
      collect()
    }
    seen = opened
    cancel = clock.after(interval, look)
  }
  cancel = clock.after(interval, look)
  return () => cancel()
}

/** Some tens of milliseconds, at a moment when nobody waits. */
function collectAll(): void {
  setFlagsFromString('--expose-gc')
  const collector = runInNewContext('gc') as (options: object) => void
  collector({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
