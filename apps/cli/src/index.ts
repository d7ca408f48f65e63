/**
 * The program `ziti-tunnel` as a function, for those who start it from a program of their own.
 *
 * ```ts
 * import { EventEmitter } from 'node:events'
 * import { runProgram } from 'ziti-tunnel'
 *
 * const code = await runProgram(['version'], {
 *   stdout: process.stdout,
 *   stderr: process.stderr,
 *   environment: process.env,
 *   signals: new EventEmitter(), // emit SIGTERM to stop a command that runs until it is stopped
 *   exitNow: (code) => process.exit(code),
 * })
 * ```
 *
 * @module
 */
export { exitCodes } from './exit-codes.ts'
export type { ExitCode } from './exit-codes.ts'
export type { LogSink } from './log/log-sink.ts'
export { runProgram } from './program.ts'
export type { SignalSource } from './signals.ts'
export type { Terminal } from './terminal.ts'
