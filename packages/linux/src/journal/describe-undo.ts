import type { Log } from '@tunnel/flow'
import type { UndoReport } from '../host-state/undo.ts'
import { currentInstance } from './instance.ts'
import type { JournalUndo } from './undo-journal.ts'

/** One line for the instance, and one for each change that could not be taken back. */
export function describeUndo(report: JournalUndo, log: Log): void {
  const { instance, undone } = report
  if (instance === undefined) return
  const when = instance.boot === currentInstance().boot ? '' : ' before the last boot'
  const fields = { pid: instance.pid, undone, left: report.left.length, skipped: report.skipped.length, failed: report.failed.length }
  log('info', 'journal.replay', `a tunneler that died${when} had left changes of this host: ${undone} undone`, fields)
  describeUnfinished(report, log)
}

export function describeUnfinished(report: UndoReport, log: Log): void {
  for (const { summary, reason, copy } of report.left) {
    log('warn', 'journal.undo', `left as it is: ${summary}: ${reason}${copy === undefined ? '' : `; what was there before is in ${copy}`}`)
  }
  for (const { summary, reason } of report.skipped) log('info', 'journal.undo', `not undone from here: ${summary}: ${reason}`)
  for (const { summary, reason } of report.failed) log('error', 'journal.undo', `could not be undone: ${summary}: ${reason}`)
}
