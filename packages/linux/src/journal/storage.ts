import type { FileHandle } from 'node:fs/promises'
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CodedError } from '@tunnel/flow'

/** The directory of journals, as a port: tests cut its power. Names are plain, without a directory. */
export interface JournalStorage {
  readonly directory: string
  list(): Promise<readonly string[]>
  /** Undefined when there is no such file. Throws `journal.unsafe-file` for what no journal of ours is. */
  read(name: string): Promise<Uint8Array | undefined>
  /** All of it or nothing, also over a power cut; the file is open for more. */
  replace(name: string, bytes: Uint8Array): Promise<JournalFile>
  /** Atomic: of several who rename the same file one gets `true`. */
  rename(from: string, to: string): Promise<boolean>
  remove(name: string): Promise<void>
}

export interface JournalFile {
  append(bytes: Uint8Array): Promise<void>
  /** What was appended before survives a power cut. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

export const journalLimitBytes = 256 << 20

/**
 * A journal tells root what to do, so it is believed only where nobody else can write: the directory and its files must
 * belong to us (or root) and be closed to others' writing.
 */
export async function openJournalDirectory(path: string): Promise<JournalStorage> {
  const directory = resolve(path)
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unwritable(directory, error)
  }
  const stat = await lstat(directory)
  if (!stat.isDirectory() || !isOurs(stat)) {
    const message = `${directory} must be a directory that only its owner can write to, and the owner must be the user who runs this program; correct it (chmod 700, chown) or choose another with --state-dir`
    throw new CodedError('journal.unsafe-directory', message, { detail: { path: directory } })
  }
  return nodeStorage(directory)
}

function nodeStorage(directory: string): JournalStorage {
  const at = (name: string): string => join(directory, name)
  return {
    directory,
    list: () => readdir(directory),
    read: (name) => readJournal(at(name)),
    async replace(name, bytes) {
      try {
        return await createWhole(directory, name, bytes)
      } catch (error) {
        throw unwritable(directory, error)
      }
    },
    rename: (from, to) => ifThere(rename(at(from), at(to))),
    remove: async (name) => void (await ifThere(unlink(at(name)))),
  }
}

async function createWhole(directory: string, name: string, bytes: Uint8Array): Promise<JournalFile> {
  const temporary = join(directory, `${name}.new`)
  await ifThere(unlink(temporary))
  const file = await open(temporary, 'ax', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
    await rename(temporary, join(directory, name))
    // The name itself must survive a power cut, or the records in the file would be found by nobody.
    const parent = await open(directory, 'r')
    await parent.sync().finally(() => parent.close())
  } catch (error) {
    await file.close()
    throw error
  }
  return journalFile(file)
}

function journalFile(file: FileHandle): JournalFile {
  return {
    append: (bytes) => file.appendFile(bytes),
    sync: () => file.datasync(),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  }
}

async function readJournal(path: string): Promise<Uint8Array | undefined> {
  let file: FileHandle
  try {
    // NOFOLLOW: a link could lead root to a file that somebody else can write. NONBLOCK: a FIFO would never open.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw unsafeFile(path, errnoOf(error) ?? 'cannot be opened')
  }
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw unsafeFile(path, 'is no plain file')
    if (!isOurs(stat)) throw unsafeFile(path, 'can be written by others')
    if (stat.size > journalLimitBytes) throw unsafeFile(path, `is larger than ${journalLimitBytes} bytes`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function isOurs(stat: { readonly uid: number; readonly mode: number }): boolean {
  return (stat.uid === 0 || stat.uid === process.geteuid?.()) && (stat.mode & 0o022) === 0
}

async function ifThere(done: Promise<void>): Promise<boolean> {
  try {
    await done
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

function unsafeFile(path: string, what: string): CodedError {
  return new CodedError('journal.unsafe-file', `the journal ${path} ${what}`, { detail: { path } })
}

function unwritable(directory: string, error: unknown): CodedError {
  const errno = errnoOf(error)
  const message = `cannot keep the journal in ${directory}: ${errno ?? String(error)}; nothing of the host is changed without one: choose a directory on a writable disk with --state-dir`
  return new CodedError('journal.unwritable', message, { detail: { path: directory, errno }, cause: error })
}

export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
