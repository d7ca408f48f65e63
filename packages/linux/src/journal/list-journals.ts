import { existsSync } from 'node:fs'
import { isClaimantAlive, parseJournalName } from './claim.ts'
import type { Instance } from './instance.ts'
import { isAlive } from './liveness.ts'
import { parseJournal } from './parse-journal.ts'
import { openJournalDirectory } from './storage.ts'

/** What one journal says, without anything being done about it. */
export interface JournalListing {
  readonly journal: string
  /** Undefined for one that cannot be read. */
  readonly instance?: Instance
  /** `running`: its writer lives. `busy`: somebody is undoing it right now. `dead`: a replay would undo it. */
  readonly state: 'running' | 'busy' | 'dead'
  /** What would be undone, in the order of undoing, one line each. */
  readonly undos: readonly string[]
  readonly damage?: string
}

/** All journals of a directory, which is not made when it is not there. Changes nothing. */
export async function listJournals(stateDirectory: string): Promise<JournalListing[]> {
  if (!existsSync(stateDirectory)) return []
  const storage = await openJournalDirectory(stateDirectory)
  const listings: JournalListing[] = []
  for (const journal of await storage.list()) {
    const name = parseJournalName(journal)
    const bytes = name && (await storage.read(journal))
    if (name === undefined || bytes === undefined) continue
    const { instance, entries, damage } = parseJournal(bytes)
    const busy = name.state === 'claimed' && isClaimantAlive(name.by)
    const running = name.state === 'recorded' && instance !== undefined && (await isAlive(instance, journal))
    listings.push({
      journal,
      ...(instance && { instance }),
      state: busy ? 'busy' : running ? 'running' : 'dead',
      undos: entries.toReversed().map(({ undo }) => undo.summary),
      ...(damage !== undefined && { damage }),
    })
  }
  return listings
}
