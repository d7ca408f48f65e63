import { X509Certificate } from 'node:crypto'
import { access, open, readFile, unlink } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { CodedError } from '@tunnel/flow'
import { nameOfSource } from './paths.ts'

// A token has some 1 KiB. Whatever is larger was not meant.
const largestTokenBytes = 64 * 1024

/** The text of a token from a file, standard input (`-`) or an environment variable (`env:NAME`). */
export async function readToken(source: string, environment: Readonly<Record<string, string | undefined>>): Promise<string> {
  const token = (await readSource(source, environment)).trim()
  if (token === '') throw new CodedError('enroll.token', `${nameOfSource(source)} is empty: give the .jwt file as it came`)
  if (token.length > largestTokenBytes) throw new CodedError('enroll.token', `${nameOfSource(source)} is too large for an enrollment token: give the .jwt file`)
  return token
}

async function readSource(source: string, environment: Readonly<Record<string, string | undefined>>): Promise<string> {
  if (source === '-') return text(process.stdin)
  if (!source.startsWith('env:')) return readNamedFile(source)
  const token = environment[source.slice('env:'.length)]
  if (token === undefined) throw new CodedError('enroll.token', `${nameOfSource(source)} is not set: put the text of the token into it`)
  return token
}

/** Certificates in PEM. Looked at now: the controller would be asked with them after the token was spent. */
export async function readCertificates(path: string): Promise<string> {
  const pem = await readNamedFile(path)
  if (!isCertificate(pem)) throw new CodedError('enroll.ca', `${path} holds no certificate in PEM form: correct --ca`)
  return pem
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

/** A file that the user named; a failure says which file and why. */
async function readNamedFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new CodedError('enroll.unreadable', `${path}: ${reasonOf(error)}`, { cause: error })
  }
}

// An RSA identity with its CA bundle has some 8 KiB.
const roomBytes = 64 * 1024

/** Checks before the token is spent that the identity can be written afterwards: by writing as much, which is removed again. */
export async function checkWritable(identityFile: string): Promise<void> {
  const taken = await access(identityFile).then(
    () => true,
    () => false,
  )
  if (taken) throw new CodedError('enroll.exists', `${identityFile} exists already and is not overwritten: move it away, or choose another file with --out`)
  try {
    await tryWriting(`${identityFile}.${process.pid}.tmp`)
  } catch (error) {
    throw new CodedError('enroll.unwritable', `${identityFile} cannot be written: ${reasonOf(error)}; the token was not used`, { cause: error })
  }
}

async function tryWriting(path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(Buffer.alloc(roomBytes))
    await file.sync()
  } finally {
    await file.close()
    await unlink(path)
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the quota of this user is used up',
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : ''
  return reasons[code] ?? error.message
}
