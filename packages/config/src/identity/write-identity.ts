import { randomBytes } from 'node:crypto'
import { open, realpath, rename, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CodedError } from '@tunnel/flow'
import { errorCode } from './read-source.ts'

/** What Go's tools write, in their order; the values are those that they write for nothing (protocol section 1.1). */
const memberDefaults = { ztAPI: '', ztAPIs: null, configTypes: null, id: {}, enableHa: false }
const idOrder = ['key', 'cert', 'server_cert', 'server_key', 'alt_server_certs', 'ca']

/** One line of JSON, members in the order of Go's tools, unknown ones behind them. */
export function encodeIdentity(content: Readonly<Record<string, unknown>>): string {
  const ordered: Record<string, unknown> = { ...memberDefaults, ...content }
  const { id } = ordered
  if (typeof id === 'object' && id !== null) ordered.id = inOrder(id as Record<string, unknown>, idOrder)
  return `${JSON.stringify(ordered)}\n`
}

function inOrder(content: Record<string, unknown>, order: readonly string[]): Record<string, unknown> {
  const known = order.filter((name) => Object.hasOwn(content, name)).map((name) => [name, content[name]] as const)
  return { ...Object.fromEntries(known), ...content }
}

/**
 * Writes an identity so that at every moment, also after a power failure, `path` holds the old file or the new one,
 * whole, readable by its owner only. To change a file, spread the `raw` of the loaded identity: unknown members stay.
 * Rejects with `identity.unwritable`; nothing is left behind then.
 */
export async function writeIdentity(path: string, content: Readonly<Record<string, unknown>>): Promise<void> {
  try {
    // A link stays a link: its target is what is replaced.
    await replaceFile(await realpath(path).catch(() => path), encodeIdentity(content))
  } catch (cause) {
    const reason = errorCode(cause) ?? String(cause)
    throw new CodedError('identity.unwritable', `identity file ${path} cannot be written (${reason}); check the directory and its owner`, {
      cause,
    })
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const directory = dirname(path)
  const temporary = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  const file = await open(temporary, 'wx', 0o600)
  try {
    try {
      await keepOwner(file, path)
      await file.writeFile(text, 'utf8')
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  await syncDirectory(directory)
}

/** When root rewrites a user's file it stays the user's. */
async function keepOwner(file: FileHandle, path: string): Promise<void> {
  const old = await stat(path).catch(() => undefined)
  if (old && process.getuid?.() === 0) await file.chown(old.uid, old.gid)
}

/** The rename itself must survive a power failure. Windows has no such call, and some file systems refuse it. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined)
  if (!handle) return
  await handle.sync().catch(() => {})
  await handle.close()
}
