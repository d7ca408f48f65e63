import { constants } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { CodedError } from '@tunnel/flow'

// A token has some 1 KiB. Whatever is larger was not meant.
const largestTokenBytes = 64 * 1024

/** The text of a token from a file, standard input (`-`) or an environment variable (`env:NAME`). */
export async function readToken(source: string, environment: Readonly<Record<string, string | undefined>>): Promise<string> {
  const token = (await readSource(source, environment)).trim()
  if (token === '') throw new CodedError('enroll.token', `${source}: the token is empty`)
  if (token.length > largestTokenBytes) throw new CodedError('enroll.token', `${source}: too large for an enrollment token`)
  return token
}

async function readSource(source: string, environment: Readonly<Record<string, string | undefined>>): Promise<string> {
  if (source === '-') return text(process.stdin)
  if (source.startsWith('env:')) return environment[source.slice('env:'.length)] ?? ''
  return readNamedFile(source)
}

/** A file that the user named; a failure says which file and why. */
export async function readNamedFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new CodedError('enroll.unreadable', `${path}: ${reasonOf(error)}`, { cause: error })
  }
}

/** Checks before the token is spent that the identity can be written afterwards. */
export async function checkWritable(identityFile: string): Promise<void> {
  const taken = await access(identityFile).then(
    () => true,
    () => false,
  )
  if (taken) throw new CodedError('enroll.exists', `${identityFile} exists already and is not overwritten: move it away, or choose another file with --out`)
  try {
    await access(dirname(identityFile), constants.W_OK)
  } catch (error) {
    throw new CodedError('enroll.unwritable', `${identityFile} cannot be written: ${reasonOf(error)}`, { cause: error })
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  EROFS: 'the file system is read-only',
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : ''
  return reasons[code] ?? error.message
}
