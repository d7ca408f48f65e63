import type { Instance } from './instance.ts'
import type { Undo } from './record.ts'
import { journalVersion, parseRecord } from './record.ts'

export interface JournalEntry {
  readonly id: number
  readonly undo: Undo
}

export interface ParsedJournal {
  /** Undefined when the first line is not a header that this version understands: then there are no entries. */
  readonly instance?: Instance
  /** What still has to be undone, in the order it was made. */
  readonly entries: readonly JournalEntry[]
  /** The header's, when it is another than ours: not ours to judge, an older or newer program may be writing it. */
  readonly foreignVersion?: number
  /** What is wrong with the file, for people. What stands before the damage counts; what follows was never sure to be made. */
  readonly damage?: string
}

/**
 * A last line without its line feed is no damage: the writer died in the middle of it, before it made the change. The bytes
 * may be anything; nothing here throws.
 */
export function parseJournal(bytes: Uint8Array): ParsedJournal {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries = new Map<number, Undo>()
  let instance: Instance | undefined
  let number = 0
  let damage: string | undefined
  for (let start = 0, end = text.indexOf(10); end >= 0 && damage === undefined; start = end + 1, end = text.indexOf(10, start)) {
    number++
    const record = parseRecord(text.toString('utf8', start, end))
    if (record === undefined) damage = `line ${number} is damaged`
    else if (record.type === 'header' && instance !== undefined) damage = `line ${number} is a second header`
    else if (record.type === 'header' && record.version !== journalVersion) return { entries: [], foreignVersion: record.version }
    else if (record.type === 'header') instance = record.instance
    else if (instance === undefined) damage = 'it has no header'
    else if (record.type === 'undo') entries.set(record.id, record.undo)
    else for (const id of record.ids) entries.delete(id)
  }
  if (instance === undefined && damage === undefined && text.length > 0) damage = 'it has no header'
  return {
    ...(instance && { instance }),
    entries: Array.from(entries, ([id, undo]) => ({ id, undo })),
    ...(damage !== undefined && { damage }),
  }
}
