import { appendFileSync, realpathSync, statSync, truncateSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Log } from '@tunnel/flow'
import { hostPerformers } from './host-state/host-performers.ts'
import { claimJournal } from './journal/claim.ts'
import { describeUndo } from './journal/describe-undo.ts'
import { openJournalDirectory } from './journal/storage.ts'
import { undoJournal } from './journal/undo-journal.ts'

/**
 * The program that a host state leaves behind: it is run when the process that had changed the host is dead, undoes its
 * journal, and ends. Nobody sees its output, so it writes to `janitor.log` beside the journal.
 */
export async function runJanitor(journal: string): Promise<void> {
  const storage = await openJournalDirectory(dirname(journal))
  const log = fileLog(join(storage.directory, 'janitor.log'))
  try {
    const claim = await claimJournal(storage, basename(journal))
    // An orderly end has removed it, or a new start is faster than we are.
    if (claim === undefined) return
    describeUndo(await undoJournal(storage, claim, { performers: hostPerformers, log }), log)
  } catch (error) {
    log('error', 'janitor.run', error instanceof Error ? error.message : String(error))
  }
}

const logLimitBytes = 64 << 10

function fileLog(path: string): Log {
  return (level, source, message) => {
    if (level === 'debug') return
    try {
      if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > logLimitBytes) truncateSync(path)
      appendFileSync(path, `${new Date().toISOString()} ${level} ${source}: ${message}\n`, { mode: 0o600 })
    } catch {
      // A full disk must not keep the host from being cleaned.
    }
  }
}

/** As `read` of the shell: to the end of the input, or `done`. */
async function waitForTheEnd(): Promise<boolean> {
  let text = ''
  for await (const chunk of process.stdin) {
    text = (text + String(chunk)).slice(-64)
    if (text.includes('done\n')) return false
  }
  return true
}

async function main(): Promise<void> {
  // Node gives every signal its default again, whatever the shell had ignored.
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) process.on(signal, () => undefined)
  const [journal, wait] = process.argv.slice(2)
  if (journal === undefined) return
  if (wait === '--wait' && !(await waitForTheEnd())) return
  await runJanitor(journal)
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main()
