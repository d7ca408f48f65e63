import type { LogSink } from './log/log-sink.ts'
import type { SignalSource } from './signals.ts'

/** What the program touches of its process: all of it can be replaced in tests. */
export interface Terminal {
  readonly stdout: LogSink
  readonly stderr: LogSink
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly signals: SignalSource
  /** Ends the process without any cleaning up. */
  exitNow(code: number): void
}
