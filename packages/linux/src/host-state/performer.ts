import type { HostChange, Log } from '@tunnel/flow'

export type ChangeParameters = HostChange['parameters']

/** `notOurs`: the object is no longer what we made, so it was left alone; the text says what was found. `copy` is what we would have restored. */
export type PerformOutcome = 'done' | { readonly notOurs: string; readonly copy?: Uint8Array }

export interface PerformContext {
  readonly log: Log
}

/** Makes or undoes one change. To undo what is gone already is `done`: a journal may be undone twice. */
export type Perform = (parameters: ChangeParameters, context: PerformContext) => Promise<PerformOutcome> | PerformOutcome

/** The same for many changes of one kind, in order; one outcome each. */
export type PerformAll = (
  batch: readonly ChangeParameters[],
  context: PerformContext,
) => Promise<readonly PerformOutcome[]> | readonly PerformOutcome[]

export interface Performer {
  /** Where the object lives: tells whether one of a dead instance is within reach, and whether it outlives a boot (files do). */
  readonly scope: 'network' | 'files'
  readonly perform: PerformAll
  /**
   * A call that fails has left nothing, and what it met is somebody else's: its undo must not be tried. Otherwise it is tried,
   * also for changes that were never made.
   */
  readonly atomic?: boolean
  /**
   * What the undo needs and only the moment of the change can tell (the content of a file before). Called before
   * anything is changed; the result is added to the parameters of the change as it is performed, and to those of its undo, with
   * which it stands in the journal. So two changes of one object belong in two calls: the second must see what the first made.
   */
  readonly prepare?: (parameters: ChangeParameters) => Promise<ChangeParameters> | ChangeParameters
  /**
   * Of an undo: what it undoes is made by another program, which may live on for a moment when we are killed and make it after
   * the undo. So the undo is done a second time when that program has ended.
   */
  readonly lingers?: boolean
}

/** By `HostChange.kind`. */
export type Performers = Readonly<Record<string, Performer>>

/** A performer of one change at a time. */
export function eachPerformer(scope: Performer['scope'], perform: Perform, options: Pick<Performer, 'prepare' | 'lingers'> = {}): Performer {
  return {
    ...options,
    scope,
    async perform(batch, context) {
      const outcomes: PerformOutcome[] = []
      for (const parameters of batch) outcomes.push(await perform(parameters, context))
      return outcomes
    },
  }
}
