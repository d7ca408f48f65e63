import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError, toCodedError } from '@tunnel/flow'
import { checkCredentials } from './credentials.ts'
import type { IdentityConfig, IdentityOrigin } from './identity.ts'
import { parseIdentity } from './parse-identity.ts'
import type { ReadFile } from './parse-identity.ts'
import { errorCode, readIdentitySource, readTextFile, whyUnreadable } from './read-source.ts'
import type { IdentitySurroundings } from './read-source.ts'

export interface LoadOptions extends IdentitySurroundings {
  /** For the validity of the certificate. Default: now. */
  readonly now?: Date
  /** Reads the files that the identity names. */
  readonly readFile?: ReadFile
}

/** Reads, parses and checks an identity. Rejects with one of the `identity.*` codes; the message is one line. */
export async function loadIdentity(from: IdentityOrigin, options: LoadOptions = {}): Promise<IdentityConfig> {
  const { readFile = readTextFile, now = new Date() } = options
  const { text, name, directory } = await textOf(from, options)
  const identity = await parseIdentity(text, name, directory, readFile)
  checkCredentials(identity, now)
  return identity
}

async function textOf(from: IdentityOrigin, options: LoadOptions) {
  if ('file' in from) return readIdentitySource(from.file, options)
  return { ...from, directory: from.directory ?? options.workingDirectory ?? process.cwd() }
}

export type LoadedIdentity = { readonly file: string } & (
  | { readonly ok: true; readonly value: IdentityConfig }
  | { readonly ok: false; readonly error: CodedError }
)

/** Every `*.json` of a directory, sorted by name; one that is bad does not stop the others. */
export async function loadIdentityDirectory(directory: string, options: LoadOptions = {}): Promise<readonly LoadedIdentity[]> {
  const loaded: LoadedIdentity[] = []
  for (const name of await identityFiles(directory)) {
    const file = join(directory, name)
    try {
      loaded.push({ file, ok: true, value: await loadIdentity({ file }, options) })
    } catch (error) {
      loaded.push({ file, ok: false, error: toCodedError(error, 'identity.unreadable') })
    }
  }
  return loaded
}

async function identityFiles(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory)
    return names.filter((name) => name.endsWith('.json') && !name.startsWith('.')).sort()
  } catch (cause) {
    const code = errorCode(cause) === 'ENOENT' ? 'identity.missing' : 'identity.unreadable'
    throw new CodedError(code, `identity directory ${directory} ${whyUnreadable(cause)}`, { cause })
  }
}
