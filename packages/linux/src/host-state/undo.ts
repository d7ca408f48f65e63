import type { Log } from '@tunnel/flow'
import type { JournalEntry } from '../journal/parse-journal.ts'
import type { PerformOutcome, Performer, Performers } from './performer.ts'

export interface Unfinished {
  readonly summary: string
  readonly reason: string
  /** Where the content that we would have restored was put. */
  readonly copy?: string
}

export interface UndoReport {
  readonly undone: number
  /** Somebody else has changed these since: they were left as they are. */
  readonly left: readonly Unfinished[]
  /** Out of reach: of another namespace. */
  readonly skipped: readonly Unfinished[]
  readonly failed: readonly Unfinished[]
  /** What was skipped or failed, to be kept for another time. */
  readonly remaining: readonly JournalEntry[]
  /** What needs no more undoing. */
  readonly settled: readonly number[]
}

export interface UndoOptions {
  readonly performers: Performers
  readonly log: Log
  /** `gone`: the boot took it with it. Otherwise the reason why it is out of reach. */
  readonly reach?: (performer: Performer) => 'within' | 'gone' | { readonly outOf: string }
  /** Puts a copy of what was not restored where a person finds it, and says where. */
  readonly keepCopy: (content: Uint8Array, entry: JournalEntry) => Promise<string>
}

interface Draft {
  undone: number
  readonly left: Unfinished[]
  readonly skipped: Unfinished[]
  readonly failed: Unfinished[]
  readonly remaining: JournalEntry[]
  readonly settled: number[]
}

/** Last first, neighbours of one kind together. One that fails never stops the others. */
export async function undoEntries(entries: readonly JournalEntry[], options: UndoOptions): Promise<UndoReport> {
  const draft: Draft = { undone: 0, left: [], skipped: [], failed: [], remaining: [], settled: [] }
  for (const run of runsOfOneKind(entries.toReversed(), (entry) => entry.undo.kind)) await undoRun(run, options, draft)
  draft.remaining.reverse()
  return draft
}

/** Neighbours of the same kind: one call of its performer does them all. */
export function runsOfOneKind<T>(items: readonly T[], kindOf: (item: T) => string): T[][] {
  const runs: T[][] = []
  let kind: string | undefined
  for (const item of items) {
    if (kindOf(item) === kind) runs.at(-1)?.push(item)
    else runs.push([item])
    kind = kindOf(item)
  }
  return runs
}

async function undoRun(run: readonly JournalEntry[], options: UndoOptions, draft: Draft): Promise<void> {
  const kind = run[0]?.undo.kind ?? ''
  const performer = Object.hasOwn(options.performers, kind) ? options.performers[kind] : undefined
  if (performer === undefined) {
    for (const entry of run) fail(entry, `this version does not know how to do "${kind}"`, draft)
    return
  }
  const reach = options.reach?.(performer) ?? 'within'
  if (typeof reach === 'object') {
    for (const entry of run) skip(entry, reach.outOf, draft)
    return
  }
  if (reach === 'gone') {
    for (const entry of run) settle(entry, draft)
    return
  }
  const outcomes = await performAll(performer, run, options)
  for (const [index, entry] of run.entries()) {
    const outcome = outcomes[index]
    if (outcome === 'done') settle(entry, draft)
    else if (outcome === undefined || 'error' in outcome) fail(entry, outcome?.error ?? 'no outcome was told', draft)
    else {
      draft.left.push(await leave(entry, outcome, options))
      draft.settled.push(entry.id)
    }
  }
}

type Outcome = PerformOutcome | { readonly error: string }

/** If all at once fails, one by one: the innocent of a batch must not stay for the guilty. To undo twice does no harm. */
async function performAll(performer: Performer, run: readonly JournalEntry[], options: UndoOptions): Promise<readonly Outcome[]> {
  try {
    return await performer.perform(run.map(({ undo }) => undo.parameters), options)
  } catch (error) {
    if (run.length === 1) return [{ error: error instanceof Error ? error.message : String(error) }]
    const outcomes: Outcome[] = []
    for (const entry of run) outcomes.push(...(await performAll(performer, [entry], options)))
    return outcomes
  }
}

async function leave(entry: JournalEntry, outcome: Exclude<PerformOutcome, 'done'>, options: UndoOptions): Promise<Unfinished> {
  const { summary } = entry.undo
  if (outcome.copy === undefined) return { summary, reason: outcome.notOurs }
  try {
    return { summary, reason: outcome.notOurs, copy: await options.keepCopy(outcome.copy, entry) }
  } catch (error) {
    return { summary, reason: `${outcome.notOurs}; a copy of what was there before could not be kept: ${String(error)}` }
  }
}

function settle(entry: JournalEntry, draft: Draft): void {
  draft.undone++
  draft.settled.push(entry.id)
}

function skip(entry: JournalEntry, reason: string, draft: Draft): void {
  draft.skipped.push({ summary: entry.undo.summary, reason })
  draft.remaining.push(entry)
}

function fail(entry: JournalEntry, reason: string, draft: Draft): void {
  draft.failed.push({ summary: entry.undo.summary, reason })
  draft.remaining.push(entry)
}
