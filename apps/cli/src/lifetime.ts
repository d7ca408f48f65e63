import type { Clock, Milliseconds } from '@tunnel/flow'
import { systemClock } from '@tunnel/flow'
import type { ExitCode } from './exit-codes.ts'
import { exitCodes } from './exit-codes.ts'
import type { Session } from './session.ts'
import type { StopSignal } from './signals.ts'
import { watchStopSignals } from './signals.ts'

/** What a command has started. */
export interface Running {
  /** Ends it in order. */
  stop(): Promise<void>
  /** For what ends by itself; without it only a signal ends the command. */
  readonly ended?: Promise<ExitCode>
}

export interface LifetimeOptions {
  /** Of log lines: `ziti-tunnel/subcmd.proxy`. */
  readonly source: string
  /** Stops starting when the signal is aborted. */
  start(signal: AbortSignal): Promise<Running>
  readonly clock?: Clock
}

/** 5 s are promised; what is left of them is for ending the process. */
export const stopDeadline: Milliseconds = 4_800

/**
 * From start to orderly stop. Signals count from the beginning, so a program that is still starting stops as well as
 * one that runs. Rejects with what `start` rejects with.
 */
export async function runUntilStopped({ log, terminal }: Session, options: LifetimeOptions): Promise<ExitCode> {
  const { source, start, clock = systemClock } = options
  const signals = watchStopSignals(terminal.signals, terminal.exitNow)
  // Neither signal handlers nor the timers of the packages keep Node alive, and a tunneler may have nothing else for
  // a while: no listener yet, and a controller that cannot be reached.
  const keepAlive = setInterval(() => {}, 2 ** 30)
  const abort = new AbortController()
  try {
    const starting = start(abort.signal)
    const ended = starting.then((running): Promise<ExitCode | StopSignal> => running.ended ?? signals.first)
    const why = await Promise.race([signals.first, ended])
    if (typeof why === 'string') log('info', source, 'stopping', { signal: why })
    abort.abort()
    const inTime = await Promise.race([stopOf(starting), deadline(clock)])
    if (!inTime) log('warn', source, 'not everything ended in time; leaving it', { milliseconds: stopDeadline })
    return typeof why === 'string' ? exitCodes.ok : why
  } finally {
    clearInterval(keepAlive)
    signals.dispose()
  }
}

async function stopOf(starting: Promise<Running>): Promise<true> {
  const running = await starting.catch(() => undefined) // it may give up starting, as it was asked to
  await running?.stop()
  return true
}

function deadline(clock: Clock): Promise<false> {
  return new Promise((resolve) => clock.after(stopDeadline, () => resolve(false)))
}
