import type { Log } from '@tunnel/flow'
import { silentLog } from '@tunnel/flow'
import type { Performers } from '../host-state/performer.ts'
import { hostPerformers } from '../host-state/host-performers.ts'
import { claimJournal, isClaimantAlive, parseJournalName } from './claim.ts'
import { parseJournal } from './parse-journal.ts'
import { isAlive } from './liveness.ts'
import { describeUndo } from './describe-undo.ts'
import type { JournalStorage } from './storage.ts'
import { openJournalDirectory } from './storage.ts'
import type { JournalUndo } from './undo-journal.ts'
import { undoJournal } from './undo-journal.ts'

export interface ReplayReport {
  /** One for each journal of an instance that has died. */
  readonly instances: readonly JournalUndo[]
  /** Instances that live: nothing of theirs was touched. */
  readonly alive: number
  /** Journals that somebody else was still undoing when the wait was over, or that cannot be trusted. */
  readonly untouched: readonly { readonly journal: string; readonly reason: string }[]
}

export interface ReplayOptions {
  readonly log?: Log
  readonly performers?: Performers
}

/** A janitor needs well under two seconds: it is waited for, because who replays wants to build on a clean host. */
const waitMilliseconds = 5000
const pollMilliseconds = 20

/** Undoes what instances that died have left. `stateDirectory` is made when it is not there. */
export async function replayJournals(stateDirectory: string, options: ReplayOptions = {}): Promise<ReplayReport> {
  const storage = await openJournalDirectory(stateDirectory)
  const replay = { log: options.log ?? silentLog, performers: options.performers ?? hostPerformers, storage }
  const instances: JournalUndo[] = []
  const untouched = new Map<string, string>()
  const seen = new Set<string>()
  let alive = 0
  for (const deadline = performance.now() + waitMilliseconds; ; ) {
    let busy = 0
    for (const name of await storage.list()) {
      if (seen.has(name)) continue
      const outcome = await replayOne(name, replay)
      if (outcome === 'busy') busy++
      else seen.add(name)
      if (outcome === 'alive') alive++
      else if (typeof outcome === 'object' && 'untouched' in outcome) untouched.set(name, outcome.untouched)
      else if (typeof outcome === 'object') {
        instances.push(outcome)
        // What was written back under this name is for another time.
        seen.add(outcome.journal)
      }
    }
    if (busy === 0 || performance.now() > deadline) break
    await new Promise((resolve) => setTimeout(resolve, pollMilliseconds))
  }
  return { instances, alive, untouched: Array.from(untouched, ([journal, reason]) => ({ journal, reason })) }
}

interface Replay {
  readonly storage: JournalStorage
  readonly log: Log
  readonly performers: Performers
}

type Outcome = JournalUndo | 'alive' | 'busy' | 'none' | { readonly untouched: string }

async function replayOne(name: string, replay: Replay): Promise<Outcome> {
  const parsed = parseJournalName(name)
  if (parsed === undefined) return 'none'
  if (parsed.state === 'claimed' && isClaimantAlive(parsed.by)) return 'busy'
  try {
    const bytes = await replay.storage.read(name)
    if (bytes === undefined) return 'busy'
    const { instance, foreignVersion } = parseJournal(bytes)
    if (foreignVersion !== undefined) return { untouched: `its format is version ${foreignVersion}, of another version of this program` }
    if (parsed.state === 'recorded' && instance && (await isAlive(instance, name))) return 'alive'
    const claim = await claimJournal(replay.storage, name)
    if (claim === undefined) return 'busy'
    const report = await undoJournal(replay.storage, claim, replay)
    describeUndo(report, replay.log)
    return report
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    replay.log('warn', 'journal.replay', `${reason}; nothing that it says was done`)
    return { untouched: reason }
  }
}
