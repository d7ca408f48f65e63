import { exitCodes } from './exit-codes.ts'
import { createLog } from './log/create-log.ts'

/**
 * The last line of a program that has a fault: what to report, in one line, and exit code 1. It has its own log, as the
 * fault may lie before the options were read or in the log itself.
 */
export function reportCrashes(target: NodeJS.Process): void {
  const log = createLog({ sink: target.stderr, format: undefined, debug: false, environment: target.env })
  const crash = (error: unknown): void => {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log('fatal', 'ziti-tunnel/main', 'unexpected error; this is a fault of ziti-tunnel: please report this line', {
      node: target.version,
      stack,
    })
    target.exit(exitCodes.fatal)
  }
  target.on('uncaughtException', crash)
  target.on('unhandledRejection', crash)
  // The reader of our output may leave (`ziti-tunnel --help | head -1`): no fault, and nobody to tell.
  target.stdout.on('error', () => {})
  target.stderr.on('error', () => {})
}
