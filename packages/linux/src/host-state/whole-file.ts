import type { Stats } from 'node:fs'
import { lstat, open, readFile, readlink, rename, symlink, unlink, lchown, lutimes } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { CodedError } from '@tunnel/flow'
import { errnoOf } from '../journal/storage.ts'

/** What stands at a path, with all that it takes to put it back. */
export type FileState =
  | { readonly was: 'absent' }
  | (FileOwner & { readonly was: 'file'; readonly content: Buffer })
  | (FileOwner & { readonly was: 'link'; readonly link: string })

export interface FileOwner {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Milliseconds since 1970. */
  readonly modified: number
}

const fileLimitBytes = 5 << 20

/** Does not follow a link at the end of `path`. */
export async function lookAt(path: string): Promise<FileState> {
  const stat = await existing(lstat(path))
  if (stat === undefined) return { was: 'absent' }
  const owner = { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, modified: stat.mtimeMs }
  if (stat.isSymbolicLink()) return { was: 'link', link: await readlink(path), ...owner }
  if (!stat.isFile()) throw new CodedError('linux.not-a-file', `cannot change ${path}: it is no plain file`, { detail: { path } })
  if (stat.size > fileLimitBytes) throw new CodedError('linux.file-too-large', `cannot change ${path}: it is larger than ${fileLimitBytes} bytes`, { detail: { path } })
  return { was: 'file', content: await readFile(path), ...owner }
}

/** Where a chain of links ends, be there a file or not. */
export async function endOfLinks(path: string): Promise<string> {
  let end = path
  // 40 is where the kernel gives up too: path_resolution(7).
  for (let links = 0; links < 40; links++) {
    const stat: Stats | undefined = await existing(lstat(end))
    if (!stat?.isSymbolicLink()) return end
    end = resolve(dirname(end), await readlink(end))
  }
  throw new CodedError('linux.call-failed', `cannot change ${path}: its links lead round in a circle`, { detail: { path, errno: 'ELOOP' } })
}

/**
 * Replaces what is at `path` by one rename, so that readers see the old or the new. What is mounted on (a container's
 * resolv.conf) cannot be renamed over, and is written in place.
 */
export async function putFile(path: string, content: Uint8Array, owner: FileOwner | undefined, temporary: string): Promise<void> {
  const aside = join(dirname(path), temporary)
  try {
    await writeAside(aside, content, owner)
    await rename(aside, path)
  } catch (error) {
    await existing(unlink(aside)).catch(() => undefined)
    if (!needsInPlace(error) || (await lookAt(path)).was !== 'file') throw error
    await writeInPlace(path, content, owner)
  }
}

export async function putLink(path: string, link: string, owner: FileOwner, temporary: string): Promise<void> {
  const aside = join(dirname(path), temporary)
  await existing(unlink(aside))
  await symlink(link, aside)
  await lchown(aside, owner.uid, owner.gid)
  await lutimes(aside, owner.modified / 1000, owner.modified / 1000)
  await rename(aside, path)
}

/** A read-only file system refuses to unlink even what is not there, so look first. */
export async function removeFile(path: string): Promise<void> {
  if ((await existing(lstat(path))) !== undefined) await existing(unlink(path))
}

async function writeAside(aside: string, content: Uint8Array, owner: FileOwner | undefined): Promise<void> {
  await existing(unlink(aside))
  const file = await open(aside, 'wx', 0o600)
  try {
    await file.writeFile(content)
    if (owner) await file.chown(owner.uid, owner.gid)
    await file.chmod(owner?.mode ?? 0o644)
    if (owner) await file.utimes(owner.modified / 1000, owner.modified / 1000)
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * First all bytes, then the length: whoever dies between leaves the new content followed by the rest of the old, which
 * `isSplice` knows again. To truncate first would leave an empty file.
 */
async function writeInPlace(path: string, content: Uint8Array, owner: FileOwner | undefined): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(content, 0, content.length, 0)
    await file.truncate(content.length)
    if (owner) await file.utimes(owner.modified / 1000, owner.modified / 1000)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** `bytes` is the beginning of `over` and then the rest of `under`: a write in place that was cut off. */
export function isSplice(bytes: Buffer, over: Buffer, under: Buffer): boolean {
  let same = 0
  while (same < bytes.length && same < over.length && bytes[same] === over[same]) same++
  return bytes.subarray(same).equals(under.subarray(same))
}

/** The directory may be read-only or closed while the file itself is mounted writable. */
function needsInPlace(error: unknown): boolean {
  return ['EBUSY', 'EXDEV', 'EROFS', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')
}

async function existing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}
