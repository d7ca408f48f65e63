import type { Command } from 'commander'
import { formatExitCodes } from '../exit-codes.ts'
import type { Running } from '../lifetime.ts'
import { runUntilStopped } from '../lifetime.ts'
import type { Session } from '../session.ts'

/** Runs a command's work, which gives the exit code, inside the session that its options describe. */
export type Run = (work: (session: Session) => Promise<number>) => Promise<void>

/**
 * Adds one sub-command. Definitions are light: what a command works with is imported when it runs, so that start-up
 * never pays for the other commands.
 */
export type DefineCommand = (program: Command, run: Run) => void

/** For a command that runs until it is stopped: signals count already while its code is being loaded. */
export function runLong(run: Run, name: string, start: (session: Session, signal: AbortSignal) => Promise<Running>): Promise<void> {
  return run((session) =>
    runUntilStopped(session, { source: `ziti-tunnel/subcmd.${name}`, start: (signal) => start(session, signal) }),
  )
}

/** The end of each help text. */
export function addExamples(command: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join('\n')
  return command.addHelpText('after', `\nExamples:\n${lines}\n\nExit codes:\n${formatExitCodes()}`)
}
