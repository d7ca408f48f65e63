import type { Log } from '@tunnel/flow'
import type { Performer, Performers } from '../host-state/performer.ts'
import type { UndoReport } from '../host-state/undo.ts'
import { undoEntries } from '../host-state/undo.ts'
import type { Claim } from './claim.ts'
import type { Instance } from './instance.ts'
import { currentInstance } from './instance.ts'
import type { ParsedJournal } from './parse-journal.ts'
import { parseJournal } from './parse-journal.ts'
import { encodeRecord, journalVersion } from './record.ts'
import type { JournalStorage } from './storage.ts'

export interface JournalUndo extends UndoReport {
  /** The journal, by the name it had. */
  readonly journal: string
  /** Undefined for a journal that cannot be read at all. */
  readonly instance?: Instance
  /** Where a damaged journal was put, and what is wrong with it. */
  readonly damage?: { readonly path: string; readonly reason: string }
}

export interface UndoJournalOptions {
  readonly performers: Performers
  readonly log: Log
  /** How long a program that the instance had started may go on to change the host; 0: it died long ago. */
  readonly linger?: number
}

/** Undoes a journal that was claimed. What is out of reach or failed is written back for another time, the rest is gone. */
export async function undoJournal(storage: JournalStorage, claim: Claim, options: UndoJournalOptions): Promise<JournalUndo> {
  const bytes = (await storage.read(claim.name)) ?? new Uint8Array()
  const parsed = parseJournal(bytes)
  const report = await undoParsed(storage, claim, parsed, options)
  await storage.remove(`${claim.id}.journal.new`)
  if (parsed.instance && report.remaining.length > 0) await writeBack(storage, claim.id, parsed.instance, report)
  const journal = `${claim.id}.journal`
  const result = { ...report, journal, ...(parsed.instance && { instance: parsed.instance }) }
  if (parsed.damage === undefined) {
    await storage.remove(claim.name)
    return result
  }
  await storage.rename(claim.name, `${claim.id}.damaged`)
  const path = `${storage.directory}/${claim.id}.damaged`
  options.log('warn', 'journal.undo', `journal is damaged: ${parsed.damage}; what stands before was undone, the file is kept as ${path}`)
  return { ...result, damage: { path, reason: parsed.damage } }
}

async function undoParsed(storage: JournalStorage, claim: Claim, parsed: ParsedJournal, options: UndoJournalOptions): Promise<UndoReport> {
  const { entries, instance } = parsed
  const { performers, log, linger = 0 } = options
  const reach = instance && reachFrom(instance, currentInstance())
  const keepCopy = copyKeeper(storage, claim.id)
  const undo = { performers, log, keepCopy, ...(reach && { reach }) }
  const report = await undoEntries(entries, undo)
  const lingering = entries.filter((entry) => performers[entry.undo.kind]?.lingers === true)
  if (linger > 0 && lingering.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, linger))
    await undoEntries(lingering, undo)
  }
  return report
}

/** What a dead instance's journal speaks of may be in another namespace, or gone with its boot. */
function reachFrom(then: Instance, now: Instance): (performer: Performer) => 'within' | 'gone' | { outOf: string } {
  return ({ scope }) => {
    const sameBoot = then.boot === now.boot
    if (scope === 'network' && !sameBoot) return 'gone'
    if (scope === 'network' && then.networkNamespace !== now.networkNamespace) {
      return { outOf: `it was made in another network namespace, net:[${then.networkNamespace}]` }
    }
    // Files of an earlier boot: the namespaces have other numbers now, and what is not as we wrote it is left anyway.
    if (scope === 'files' && sameBoot && then.mountNamespace !== now.mountNamespace && then.files !== now.files) {
      return { outOf: `it was made in another mount namespace, mnt:[${then.mountNamespace}]` }
    }
    return 'within'
  }
}

/** Beside the journal, where only root reads: what was in the file may be nobody else's to see. */
export function copyKeeper(storage: JournalStorage, id: string): (content: Uint8Array, entry: { readonly id: number }) => Promise<string> {
  return async (content, entry) => {
    const name = `${id}.${entry.id}.kept`
    await (await storage.replace(name, content)).close()
    return `${storage.directory}/${name}`
  }
}

async function writeBack(storage: JournalStorage, id: string, instance: Instance, report: UndoReport): Promise<void> {
  const records = report.remaining.map((entry) => encodeRecord({ type: 'undo', ...entry }))
  const header = encodeRecord({ type: 'header', version: journalVersion, instance })
  await (await storage.replace(`${id}.journal`, Buffer.from(header + records.join('')))).close()
}
