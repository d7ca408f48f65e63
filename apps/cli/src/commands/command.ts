import type { Command } from 'commander'
import type { ExitCode } from '../exit-codes.ts'
import { formatExitCodes } from '../exit-codes.ts'
import type { Session } from '../session.ts'

/** Runs a command's work inside the session that its options describe. */
export type Run = (work: (session: Session) => Promise<ExitCode>) => Promise<void>

/**
 * Adds one sub-command. Definitions are light: what a command works with is imported when it runs, so that start-up
 * never pays for the other commands.
 */
export type DefineCommand = (program: Command, run: Run) => void

/** The end of each help text. */
export function addExamples(command: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join('\n')
  return command.addHelpText('after', `\nExamples:\n${lines}\n\nExit codes:\n${formatExitCodes()}`)
}
