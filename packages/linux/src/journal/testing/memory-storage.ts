import { CodedError } from '@tunnel/flow'
import type { JournalFile, JournalStorage } from '../storage.ts'

/**
 * A disk that can lose its power: what was not synced survives in part, page by page as it pleases. Every operation is a
 * step at which `failAt` can make it fail, or the power go.
 */
export interface MemoryStorage extends JournalStorage {
  /** What a later start would find if the power went now. `keeps(page)` says which unsynced pages had reached the disk. */
  afterPowerCut(keeps: (page: number) => boolean): ReadonlyMap<string, Uint8Array>
  /** The next appends fail after so many bytes of theirs, as on a full disk. */
  fillUp(bytes: number): void
  makeRoom(): void
  failSyncs(fail: boolean): void
  content(name: string): Uint8Array | undefined
}

interface Inode {
  written: Buffer
  durable: Buffer
}

const pageBytes = 64

export function createMemoryStorage(): MemoryStorage {
  const names = new Map<string, Inode>()
  let room = Infinity
  let syncFails = false

  const open = (inode: Inode): JournalFile => ({
    async append(bytes) {
      const fits = bytes.subarray(0, Math.max(0, Math.min(bytes.length, room)))
      room -= bytes.length
      inode.written = Buffer.concat([inode.written, fits])
      if (fits.length < bytes.length) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    },
    async sync() {
      if (syncFails) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
      inode.durable = inode.written
    },
    async truncate(length) {
      inode.written = inode.written.subarray(0, length)
    },
    async close() {},
  })

  return {
    directory: '/journals',
    list: async () => [...names.keys()],
    read: async (name) => names.get(name)?.written,
    async replace(name, bytes) {
      if (bytes.length > room) throw new CodedError('journal.unwritable', 'no space left')
      const inode = { written: Buffer.from(bytes), durable: Buffer.from(bytes) }
      names.set(name, inode)
      return open(inode)
    },
    async rename(from, to) {
      const inode = names.get(from)
      if (inode === undefined) return false
      names.delete(from)
      names.set(to, inode)
      return true
    },
    remove: async (name) => void names.delete(name),
    afterPowerCut: (keeps) => new Map(Array.from(names, ([name, inode]) => [name, survive(inode, keeps)])),
    fillUp: (bytes) => void (room = bytes),
    makeRoom: () => void (room = Infinity),
    failSyncs: (fail) => void (syncFails = fail),
    content: (name) => names.get(name)?.written,
  }
}

/** Synced bytes stay; of the rest, pages that did not make it are zeros before the last that did. */
function survive({ written, durable }: Inode, keeps: (page: number) => boolean): Uint8Array {
  if (written.length < durable.length) return written
  const disk = Buffer.alloc(written.length)
  durable.copy(disk)
  let end = durable.length
  for (let at = durable.length, page = 0; at < written.length; at += pageBytes, page++) {
    if (!keeps(page)) continue
    end = Math.min(at + pageBytes, written.length)
    written.copy(disk, at, at, end)
  }
  return disk.subarray(0, end)
}
