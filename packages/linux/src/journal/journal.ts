import { randomBytes } from 'node:crypto'
import { CodedError } from '@tunnel/flow'
import type { Instance } from './instance.ts'
import type { JournalEntry } from './parse-journal.ts'
import type { JournalRecord, Undo } from './record.ts'
import { encodeRecord, journalVersion, recordLimitBytes } from './record.ts'
import type { JournalFile, JournalStorage } from './storage.ts'
import { journalLimitBytes } from './storage.ts'

/**
 * What has to be undone, on disk before it is done. One writer. The file grows by whole lines; when most of it speaks
 * of what is undone already, it is written anew.
 */
export interface Journal {
  readonly name: string
  /** One write and one sync for all. When it returns they survive a power cut. `journal.unwritable`: none of them is there. */
  add(undos: readonly Undo[]): Promise<readonly number[]>
  forget(ids: readonly number[]): Promise<void>
  /** In the order they were added. */
  entries(): readonly JournalEntry[]
  entry(id: number): JournalEntry | undefined
  /** The file stays, for the next start. */
  close(): Promise<void>
  remove(): Promise<void>
}

/** A file below this is not worth to be written anew. */
const smallBytes = 256 << 10

interface Live {
  readonly undo: Undo
  readonly bytes: number
}

export async function createJournal(storage: JournalStorage, instance: Instance): Promise<Journal> {
  const name = journalName(instance)
  const header = encodeRecord({ type: 'header', version: journalVersion, instance })
  const writer = await createWriter(storage, name, header)
  const live = new Map<number, Live>()
  let liveBytes = 0
  let lastId = 0

  const rewrite = (): Promise<void> => writer.rewrite(header + Array.from(live, ([id, { undo }]) => encodeUndo(id, undo)).join(''))

  return {
    name,
    async add(undos) {
      const lines = undos.map((undo, index) => encodeUndo(lastId + 1 + index, undo))
      if (writer.isTorn()) await rewrite()
      await writer.append(lines.join(''), { sync: true })
      const ids = undos.map((undo, index) => {
        const bytes = lines[index]?.length ?? 0
        live.set(lastId + 1 + index, { undo, bytes })
        liveBytes += bytes
        return lastId + 1 + index
      })
      lastId += undos.length
      return ids
    },
    async forget(ids) {
      for (const id of ids) {
        liveBytes -= live.get(id)?.bytes ?? 0
        live.delete(id)
      }
      const worthwhile = writer.sizeBytes() > smallBytes && writer.sizeBytes() > 2 * liveBytes
      if (writer.isTorn() || worthwhile) return rewrite()
      // Not synced: after a power cut the kernel's objects are gone, and a file is restored only where it is still ours.
      await writer.append(encodeRecord({ type: 'undone', ids }), { sync: false })
    },
    entries: () => Array.from(live, ([id, { undo }]) => ({ id, undo })),
    entry(id) {
      const found = live.get(id)
      return found && { id, undo: found.undo }
    },
    close: () => writer.close(),
    async remove() {
      await writer.close()
      await storage.remove(name)
    },
  }
}

interface Writer {
  append(text: string, options: { sync: boolean }): Promise<void>
  rewrite(text: string): Promise<void>
  /** A write failed half-way and its beginning may stand at the end: the next must write the file anew. */
  isTorn(): boolean
  sizeBytes(): number
  close(): Promise<void>
}

async function createWriter(storage: JournalStorage, name: string, header: string): Promise<Writer> {
  let file: JournalFile = await storage.replace(name, Buffer.from(header))
  let sizeBytes = header.length
  let torn = false
  return {
    async append(text, { sync }) {
      const bytes = Buffer.from(text)
      if (sizeBytes + bytes.length > journalLimitBytes) throw new CodedError('journal.full', `the journal ${name} would exceed ${journalLimitBytes} bytes`)
      try {
        await file.append(bytes)
        if (sync) await file.sync()
        sizeBytes += bytes.length
      } catch (error) {
        // After a failed sync nobody knows what is on the disk, not even a later sync that succeeds.
        torn = true
        await file.truncate(sizeBytes).catch(() => undefined)
        throw new CodedError('journal.unwritable', `cannot write the journal ${storage.directory}/${name}: ${String(error)}`, { cause: error })
      }
    },
    async rewrite(text) {
      const bytes = Buffer.from(text)
      const next = await storage.replace(name, bytes)
      await file.close().catch(() => undefined)
      file = next
      sizeBytes = bytes.length
      torn = false
    },
    isTorn: () => torn,
    sizeBytes: () => sizeBytes,
    close: () => file.close(),
  }
}

function encodeUndo(id: number, undo: Undo): string {
  const { kind, summary, parameters } = undo
  const line = encodeRecord({ type: 'undo', id, undo: { kind, summary, parameters } } satisfies JournalRecord)
  if (line.length <= recordLimitBytes) return line
  throw new CodedError('journal.too-large', `what is needed to undo "${summary}" is larger than ${recordLimitBytes} bytes`)
}

/** The random part tells two host states of one process apart. */
function journalName({ boot, pid, started }: Instance): string {
  return `${boot.slice(0, 8)}-${pid}-${started}-${randomBytes(2).toString('hex')}.journal`
}
