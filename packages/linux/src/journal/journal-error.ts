/**
 * What goes wrong with the journal or with a change that it should record; no change is made then.
 *
 * - `journal.unwritable`: the state directory is not writable or its disk is full; choose another with `--state-dir`.
 * - `journal.unsafe-directory`: others can write to the state directory, or it belongs to somebody else.
 * - `journal.unsafe-file`: the same for one journal; it is left alone.
 * - `journal.full`: the journal has reached its limit.
 * - `journal.too-large`: what one change needs to be undone (a file's content) is too large for a record.
 * - `journal.unknown-kind`: nothing knows how to make or undo this kind of change; a mistake of the caller.
 * - `journal.parameters`: a change lacks a parameter of its kind; a mistake of the caller.
 * - `journal.ended`: the host was restored; open another host state.
 */
export type JournalErrorCode =
  | 'journal.unwritable'
  | 'journal.unsafe-directory'
  | 'journal.unsafe-file'
  | 'journal.full'
  | 'journal.too-large'
  | 'journal.unknown-kind'
  | 'journal.parameters'
  | 'journal.ended'
