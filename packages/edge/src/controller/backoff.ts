import type { Milliseconds } from '@tunnel/flow'
import { between, type Random } from './random.ts'

export interface BackoffOptions {
  readonly first: Milliseconds
  readonly max: Milliseconds
  readonly random: Random
  /** Factor drawn for each wait. Default 0.75 to 1.25. */
  readonly spread?: readonly [low: number, high: number]
}

/** Growing waits: `first`, doubled each time up to `max`, each times a random factor. */
export interface Backoff {
  next(): Milliseconds
  reset(): void
}

export function createBackoff({ first, max, random, spread = [0.75, 1.25] }: BackoffOptions): Backoff {
  let wait = first
  return {
    next() {
      const now = wait
      wait = Math.min(wait * 2, max)
      return now * between(spread[0], spread[1], random)
    },
    reset() {
      wait = first
    },
  }
}
