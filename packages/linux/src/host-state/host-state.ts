import type { HostChange, Log } from '@tunnel/flow'
import { CodedError, silentLog, Turns } from '@tunnel/flow'
import { currentInstance } from '../journal/instance.ts'
import type { Journal } from '../journal/journal.ts'
import { createJournal } from '../journal/journal.ts'
import { showLife } from '../journal/liveness.ts'
import type { JournalEntry } from '../journal/parse-journal.ts'
import type { Undo } from '../journal/record.ts'
import type { JournalStorage } from '../journal/storage.ts'
import { openJournalDirectory } from '../journal/storage.ts'
import { describeUnfinished } from '../journal/describe-undo.ts'
import { copyKeeper } from '../journal/undo-journal.ts'
import { hostPerformers } from './host-performers.ts'
import type { JanitorProcess } from './janitor-process.ts'
import { startJanitor } from './janitor-process.ts'
import type { ChangeParameters, Performers } from './performer.ts'
import type { UndoReport } from './undo.ts'
import { runsOfOneKind, undoEntries } from './undo.ts'

/**
 * The changes that this process has made to its host. What the kernel would not undo with the process stands in a journal
 * before it is made, and a janitor undoes it when the process dies. Calls wait for each other, in order.
 */
export interface HostState {
  readonly directory: string
  /** Makes the changes in order. If one fails, those made by this call are undone, and it rejects with that one's error. */
  apply(changes: readonly HostChange[]): Promise<void>
  /** Undoes changes given to `apply` before (equal ones will do); others are ignored. */
  revert(changes: readonly HostChange[]): Promise<UndoReport>
  /**
   * Runs what changes an object that is journalled already (rules in a chain of ours, a route that somebody removed). It waits its
   * turn, so that it is done before the host is restored, or not at all: then it rejects with `journal.ended`.
   */
  hold<T>(work: () => Promise<T> | T): Promise<T>
  /**
   * Undoes all, last first, and ends: the journal goes, and the janitor. What failed stays in the journal for the next start.
   * A second call gives the first one's report.
   */
  restore(): Promise<UndoReport>
}

export interface HostStateOptions {
  /** Made with mode 0700 when it is not there. Several instances share one. */
  readonly stateDirectory: string
  readonly log?: Log
  /** False: nobody cleans up after a kill but the next `replayJournals`. */
  readonly janitor?: boolean
  /** The program that undoes a journal, for bundles that have it elsewhere; the journal's path becomes its last argument. */
  readonly janitorCommand?: readonly string[]
  readonly performers?: Performers
}

/** Rejects with `journal.unwritable` or `journal.unsafe-directory`. Journals of the dead are for `replayJournals`, before this. */
export async function openHostState(options: HostStateOptions): Promise<HostState> {
  const storage = await openJournalDirectory(options.stateDirectory)
  const journal = await createJournal(storage, currentInstance())
  const hideLife = await showLife(journal.name)
  const { log = silentLog, janitorCommand: command } = options
  const path = `${storage.directory}/${journal.name}`
  const janitor = options.janitor === false ? undefined : startJanitor({ journal: path, log, ...(command && { command }) })
  return new JournalledHostState({ storage, journal, log, performers: options.performers ?? hostPerformers, hideLife, janitor })
}

interface Parts {
  readonly storage: JournalStorage
  readonly journal: Journal
  readonly log: Log
  readonly performers: Performers
  readonly hideLife: () => void
  readonly janitor: JanitorProcess | undefined
}

/** A change with the parameters that only its moment gave, and its place in the journal when it has an undo. */
interface Prepared {
  readonly change: HostChange
  readonly parameters: ChangeParameters
  readonly undo?: Undo
  id?: number
}

class JournalledHostState implements HostState {
  readonly directory: string
  readonly #parts: Parts
  /** By what was changed; several where the same was changed more than once. */
  readonly #applied = new Map<string, number[]>()
  readonly #turns = new Turns()
  #restored: Promise<UndoReport> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.directory = parts.storage.directory
  }

  apply(changes: readonly HostChange[]): Promise<void> {
    return this.#inTurn(async () => {
      const prepared = await this.#prepare(changes)
      await this.#record(prepared)
      await this.#performAll(prepared)
      for (const { change, id } of prepared) if (id !== undefined) this.#remember(keyOf(change), id)
    })
  }

  revert(changes: readonly HostChange[]): Promise<UndoReport> {
    return this.#inTurn(() => this.#undo(changes.flatMap((change) => this.#recall(keyOf(change)) ?? [])))
  }

  hold<T>(work: () => Promise<T> | T): Promise<T> {
    return this.#inTurn(async () => work())
  }

  restore(): Promise<UndoReport> {
    this.#restored ??= this.#turns.take(async () => {
      const { journal, janitor, hideLife } = this.#parts
      const report = await this.#undo(journal.entries().map(({ id }) => id))
      // Removed before the janitor is dismissed: if we are killed between, it finds nothing to do.
      await (journal.entries().length === 0 ? journal.remove() : journal.close())
      hideLife()
      await janitor?.dismiss()
      return report
    })
    return this.#restored
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#restored) throw new CodedError('journal.ended', 'the host has been restored already: open another host state')
    return this.#turns.take(work)
  }

  async #prepare(changes: readonly HostChange[]): Promise<Prepared[]> {
    const prepared: Prepared[] = []
    for (const change of changes) {
      const { kind, parameters, undo } = change
      this.#mustKnow(kind, undo)
      const prepare = this.#parts.performers[kind]?.prepare
      if (prepare === undefined) {
        prepared.push({ change, parameters, ...(undo && { undo }) })
        continue
      }
      const found = await prepare(parameters)
      const complete = undo && { ...undo, parameters: { ...undo.parameters, ...found } }
      prepared.push({ change, parameters: { ...parameters, ...found }, ...(complete && { undo: complete }) })
    }
    return prepared
  }

  /** A change without undo that nobody here performs was made by its owner and is told for the plan only. */
  #mustKnow(kind: string, undo: HostChange['undo']): void {
    const unknown = [kind, undo?.kind].find((each) => each !== undefined && !Object.hasOwn(this.#parts.performers, each))
    if (undo && unknown !== undefined) throw new CodedError('journal.unknown-kind', `nothing knows how to do "${unknown}" to a host`)
  }

  async #record(prepared: readonly Prepared[]): Promise<void> {
    const recorded = prepared.filter((each) => each.undo !== undefined)
    if (recorded.length === 0) return
    const ids = await this.#parts.journal.add(recorded.flatMap(({ undo }) => undo ?? []))
    for (const [index, each] of recorded.entries()) {
      const id = ids[index]
      if (id !== undefined) each.id = id
    }
  }

  async #performAll(prepared: readonly Prepared[]): Promise<void> {
    const untried = runsOfOneKind(prepared, ({ change }) => change.kind)
    const made: Prepared[] = []
    for (let run = untried.shift(); run; run = untried.shift()) {
      const performer = this.#parts.performers[run[0]?.change.kind ?? '']
      try {
        await performer?.perform(run.map(({ parameters }) => parameters), this.#parts)
        made.push(...run)
      } catch (error) {
        const never = untried.flat()
        if (performer?.atomic) never.push(...run)
        else made.push(...run)
        await this.#forget(idsOf(never))
        await this.#undo(idsOf(made))
        throw error
      }
    }
  }

  async #undo(ids: readonly number[]): Promise<UndoReport> {
    const { journal, performers, log, storage } = this.#parts
    const entries = ids.flatMap((id): JournalEntry[] => [journal.entry(id)].filter((entry) => entry !== undefined))
    entries.sort((left, right) => left.id - right.id)
    const report = await undoEntries(entries, { performers, log, keepCopy: copyKeeper(storage, journal.name) })
    await this.#forget(report.settled)
    describeUnfinished(report, log)
    return report
  }

  /** A full disk must not stop the way back: what could not be crossed out is undone a second time, which does no harm. */
  async #forget(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return
    const { journal, log } = this.#parts
    await journal.forget(ids).catch((error: unknown) => log('warn', 'journal.forget', String(error)))
  }

  #remember(key: string, id: number): void {
    const ids = this.#applied.get(key)
    if (ids) ids.push(id)
    else this.#applied.set(key, [id])
  }

  #recall(key: string): number | undefined {
    const ids = this.#applied.get(key)
    const id = ids?.pop()
    if (ids?.length === 0) this.#applied.delete(key)
    return id
  }
}

const idsOf = (prepared: readonly Prepared[]): number[] => prepared.flatMap(({ id }) => id ?? [])

/** A change is a value: an equal one is the same, whoever made the object. */
function keyOf({ kind, parameters }: HostChange): string {
  return `${kind} ${JSON.stringify(Object.entries(parameters).sort(([left], [right]) => (left < right ? -1 : 1)))}`
}
