import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { CodedError } from '@tunnel/flow'
import type { JournalListing, ReplayReport } from '@tunnel/linux'
import { listJournals, replayJournals } from '@tunnel/linux'
import type { ExitCode } from '../exit-codes.ts'
import { exitCodes } from '../exit-codes.ts'
import { escapeText } from '../log/escape.ts'
import type { Session } from '../session.ts'

/** Undoes by hand what the janitor or the next start would undo. Exit code 1 when something could not be. */
export async function runCleanup({ options, log, terminal }: Session, { dryRun }: { dryRun: boolean }): Promise<ExitCode> {
  const { stateDirectory } = options.intercept
  await checkAccess(stateDirectory)
  if (dryRun) {
    terminal.stdout.write(renderListing(await listJournals(stateDirectory), stateDirectory))
    return exitCodes.ok
  }
  const report = await replayJournals(stateDirectory, { log })
  terminal.stdout.write(renderCleanup(report, stateDirectory))
  return report.instances.some(({ failed }) => failed.length > 0) || report.untouched.length > 0 ? exitCodes.fatal : exitCodes.ok
}

/** Whose it is: what root's programs have left is for root to undo. */
async function checkAccess(directory: string): Promise<void> {
  await access(directory, constants.R_OK | constants.W_OK | constants.X_OK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return
    throw new CodedError('cli.cleanup-forbidden', `${directory} belongs to another user: use sudo`, { cause: error })
  })
}

export function renderCleanup({ instances, alive, untouched }: ReplayReport, directory: string): string {
  const lines = instances.flatMap(({ journal, instance, undone, left, skipped, failed, damage }) => [
    `${instance === undefined ? journal : `ziti-tunnel with pid ${instance.pid}`}: ${undone} ${undone === 1 ? 'change' : 'changes'} undone`,
    ...left.map(({ summary, reason, copy }) => `  left as it is: ${summary} (${reason}${copy === undefined ? '' : `; what was there before is kept in ${copy}`})`),
    ...skipped.map(({ summary, reason }) => `  out of reach: ${summary} (${reason})`),
    ...failed.map(({ summary, reason }) => `  failed: ${summary} (${reason})`),
    ...(damage === undefined ? [] : [`  the journal is damaged (${damage.reason}) and kept in ${damage.path}`]),
  ])
  const rest = untouched.map(({ journal, reason }) => `${journal}: not touched (${reason})`)
  const living = alive === 0 ? [] : [`${alive} running: nothing of ${alive === 1 ? 'it' : 'theirs'} was touched`]
  return joined([...lines, ...rest, ...living], directory)
}

export function renderListing(journals: readonly JournalListing[], directory: string): string {
  const lines = journals.flatMap(({ journal, instance, state, undos, damage }) => {
    const who = instance === undefined ? journal : `ziti-tunnel with pid ${instance.pid}`
    if (state === 'running') return [`${who} is running: nothing of it would be touched`]
    if (state === 'busy') return [`${who}: is being undone right now`]
    const head = `${who}: ${undos.length} ${undos.length === 1 ? 'change' : 'changes'} would be undone, where they still are as it made them`
    return [head, ...undos.map((undo) => `  ${undo}`), ...(damage === undefined ? [] : [`  the journal is damaged: ${damage}`])]
  })
  return joined(lines, directory)
}

function joined(lines: readonly string[], directory: string): string {
  const said = lines.length === 0 ? [`Nothing is left to undo (looked in ${directory}).`] : lines
  return `${said.map(escapeText).join('\n')}\n`
}
