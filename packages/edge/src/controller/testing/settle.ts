import type { VirtualClock } from '@tunnel/flow/testing'
import { expect } from 'vitest'

/** Lets all promises that can go on do so, without time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

export async function advance(clock: VirtualClock, span: number): Promise<void> {
  clock.advance(span)
  await settle()
}

/** For what comes over real sockets: on a busy machine a second is not always enough. */
export function eventually<T>(read: () => T) {
  return expect.poll(read, { timeout: 5000, interval: 5 })
}
