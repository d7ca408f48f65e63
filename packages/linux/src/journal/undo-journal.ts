import type { Log, Milliseconds } from '@tunnel/flow'
import type { Performer, Performers } from '../host-state/performer.ts'
import type { UndoReport } from '../host-state/undo.ts'
import { undoEntries } from '../host-state/undo.ts'
import type { Claim } from './claim.ts'
import type { Instance } from './instance.ts'
import { currentInstance } from './instance.ts'
import { orphansOf } from './orphans.ts'
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
  const reach = instance && reachFrom(instance, currentInstance())
  const undo = { ...options, keepCopy: copyKeeper(storage, claim.id), ...(reach && { reach }) }
  if (instance) await orphansEnd(instance, shortPatience)
  const report = await undoEntries(entries, undo)
  if (instance === undefined || orphansOf(instance).length === 0) return report
  await orphansEnd(instance, longPatience)
  await undoEntries(entries.filter((entry) => options.performers[entry.undo.kind]?.lingers), undo)
  return report
}

/** Most orphans end within some ms, and then one undo is enough; the host must not wait for others. */
const shortPatience = 300
/** Longer than iptables waits for its lock. */
const longPatience = 6000

async function orphansEnd(instance: Instance, patience: Milliseconds): Promise<void> {
  const deadline = performance.now() + patience
  while (performance.now() < deadline && orphansOf(instance).length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
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
    for (const old of surplus(await storage.list(), id)) await storage.remove(old)
    return `${storage.directory}/${name}`
  }
}

const mostCopies = 8

/**
 * A manager that writes its file again and again would have us keep a copy each time: the first, which is from before all changes of
 * ours, stays, and the latest.
 */
function surplus(names: readonly string[], id: string): string[] {
  const numberOf = (name: string): number => Number(name.slice(id.length + 1, -'.kept'.length))
  const copies = names.filter((name) => name.startsWith(`${id}.`) && name.endsWith('.kept')).toSorted((left, right) => numberOf(left) - numberOf(right))
  return copies.length > mostCopies ? copies.slice(1, copies.length - mostCopies + 1) : []
}

async function writeBack(storage: JournalStorage, id: string, instance: Instance, report: UndoReport): Promise<void> {
  const records = report.remaining.map((entry) => encodeRecord({ type: 'undo', ...entry }))
  const header = encodeRecord({ type: 'header', version: journalVersion, instance })
  await (await storage.replace(`${id}.journal`, Buffer.from(header + records.join('')))).close()
}
