import type { Socket } from 'node:net'
import { systemClock, type Cancel, type Clock, type Milliseconds } from '../clock.ts'

/** The time that an address has before the next one is tried beside it (RFC 8305 5). */
const stagger: Milliseconds = 250

export type ConnectTo<S extends Socket> = (address: string, signal: AbortSignal) => Promise<S>

/** The first of several addresses (one at least) that answers. Rejects with the reason of the first when none does. */
export function connectFirst<S extends Socket>(
  addresses: readonly string[],
  connect: ConnectTo<S>,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const attempts: AbortController[] = []
    let cancelTimer: Cancel = () => {}
    let failed = 0
    let firstError: unknown
    let settled = false

    const settle = (winner?: AbortController): void => {
      settled = true
      cancelTimer()
      signal.removeEventListener('abort', aborted)
      for (const attempt of attempts) if (attempt !== winner) attempt.abort()
    }
    const aborted = (): void => {
      settle()
      reject(signal.reason as Error)
    }
    const tryNext = (): void => {
      cancelTimer()
      const address = addresses[attempts.length]
      if (settled || address === undefined) return
      const attempt = new AbortController()
      attempts.push(attempt)
      if (attempts.length < addresses.length) cancelTimer = clock.after(stagger, tryNext)
      connect(address, attempt.signal).then((socket) => {
        if (settled) return void socket.destroy()
        settle(attempt)
        resolve(socket)
      }, (error: unknown) => {
        failed += 1
        firstError ??= error
        if (settled) return
        if (failed < addresses.length) return tryNext()
        settle()
        reject(firstError as Error)
      })
    }
    signal.addEventListener('abort', aborted)
    if (signal.aborted) aborted()
    else tryNext()
  })
}
