import type { ExitCode } from './exit-codes.ts'
import { exitCodes } from './exit-codes.ts'

/** SIGHUP is treated as SIGTERM: the terminal was closed, and what we host should leave the network in order. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type StopSignal = (typeof stopSignals)[number]

/** The part of `process` that is needed: a plain emitter in tests. */
export interface SignalSource {
  on<Signal extends NodeJS.Signals>(signal: Signal, listener: (signal: Signal) => void): unknown
  off<Signal extends NodeJS.Signals>(signal: Signal, listener: (signal: Signal) => void): unknown
}

export interface StopSignals {
  /** Resolves with the first signal. */
  readonly first: Promise<StopSignal>
  /** Gives the signals back their default effect. */
  dispose(): void
}

/** The first signal asks for an orderly stop; any second one calls `exitNow`, which must not return to us. */
export function watchStopSignals(source: SignalSource, exitNow: (code: ExitCode) => void): StopSignals {
  let seen = 0
  let resolve: (signal: StopSignal) => void
  const first = new Promise<StopSignal>((settle) => (resolve = settle))
  const listener = (signal: StopSignal): void => {
    seen += 1
    if (seen === 1) resolve(signal)
    else exitNow(signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated)
  }
  for (const signal of stopSignals) source.on(signal, listener)
  return {
    first,
    dispose() {
      for (const signal of stopSignals) source.off(signal, listener)
    },
  }
}
