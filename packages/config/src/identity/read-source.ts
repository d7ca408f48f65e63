import { open } from 'node:fs/promises'
import { resolve, dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { CodedError } from '@tunnel/flow'

/** Where identities come from beside files. All have defaults; tests and embedders give their own. */
export interface IdentitySurroundings {
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly standardInput?: Readable
  /** Base of relative paths that do not come from a file. */
  readonly workingDirectory?: string
}

/** An identity's text, unparsed. */
export interface IdentityText {
  readonly text: string
  /** For messages. */
  readonly name: string
  /** Base of the relative paths in it. */
  readonly directory: string
}

/** Largest identity, key, certificate or bundle file. Real ones are below 20 KiB. */
export const largestFileBytes = 1_048_576

/**
 * `source` is a path, `-` for standard input, or `env:NAME` for the text in an environment variable. Rejects with
 * `identity.missing` or `identity.unreadable`.
 */
export async function readIdentitySource(source: string, surroundings: IdentitySurroundings = {}): Promise<IdentityText> {
  const directory = surroundings.workingDirectory ?? process.cwd()
  if (source === '-') {
    const name = 'standard input'
    return { text: await readStream(surroundings.standardInput ?? process.stdin, name), name, directory }
  }
  if (source.startsWith('env:')) return readVariable(source.slice('env:'.length), directory, surroundings)
  const path = resolve(directory, source)
  return { text: await readIdentityFile(path, source), name: source, directory: dirname(path) }
}

/** A text file of bounded size; fails as an identity file does. */
async function readIdentityFile(path: string, name: string): Promise<string> {
  try {
    return await readTextFile(path)
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') {
      throw new CodedError('identity.missing', `identity file ${name} does not exist; enroll first, or give the right path`, { cause })
    }
    throw new CodedError('identity.unreadable', `identity file ${name} ${whyUnreadable(cause)}`, { cause })
  }
}

function readVariable(variable: string, directory: string, { environment = process.env }: IdentitySurroundings): IdentityText {
  const text = environment[variable]
  const name = `environment variable ${variable}`
  if (text === undefined) throw new CodedError('identity.missing', `${name} is not set; put the identity JSON into it`)
  if (text.length > largestFileBytes) throw new CodedError('identity.unreadable', `${name} ${tooLarge}`)
  return { text, name, directory }
}

async function readStream(stream: Readable, name: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk as Uint8Array | string)
      size += bytes.length
      if (size > largestFileBytes) throw new Error(tooLarge)
      chunks.push(bytes)
    }
  } catch (cause) {
    throw new CodedError('identity.unreadable', `${name} ${whyUnreadable(cause)}`, { cause })
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** UTF-8, at most `largestFileBytes`, without trusting the size that the file system tells (pipes and devices lie). */
export async function readTextFile(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const chunks: Buffer[] = []
    let size = 0
    for (;;) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(65_536) })
      if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8')
      size += bytesRead
      if (size > largestFileBytes) throw new Error(tooLarge)
      chunks.push(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

const tooLarge = 'is larger than 1 MiB: that is no identity'

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** The end of a sentence that begins with the file: what is wrong with it, and what to do. */
export function whyUnreadable(error: unknown): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return 'does not exist'
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by this user; change its owner, or run as the user that it belongs to'
    case 'EISDIR':
      return 'is a directory; give one file, or use --identity-dir'
    case 'ENOTDIR':
      return 'is not a directory; name one file with -i'
    default:
      return error instanceof Error && error.message === tooLarge ? tooLarge : `cannot be read: ${String(error)}`
  }
}
