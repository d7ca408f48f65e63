import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '@tunnel/flow'
import type { IdentityAdmin } from './identity-admin.ts'

/**
 * Writes `<name>.json` for each identity whose file was asked for, `<name>.jwt` for each that still waits for its
 * enrollment, and `ca.pem`. Returns the paths. Files are readable by their owner only: they hold keys.
 */
export async function saveNetwork(directory: string, identities: IdentityAdmin, bundlePem: string): Promise<readonly string[]> {
  const { enrolled, waiting } = identities.files()
  const files = [
    ...enrolled.map((name): [string, string] => [`${name}.json`, `${JSON.stringify(identities.json(name))}\n`]),
    ...waiting.map(({ name, token }): [string, string] => [`${name}.jwt`, token]),
    ['ca.pem', bundlePem] satisfies [string, string],
  ]
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return Promise.all(files.map(async ([name, content]) => {
    if (/[/\\\0]/.test(name)) throw new CodedError('devnet.bad-name', `${name} cannot be a file name: give the identity another name`)
    const path = join(directory, name)
    await writeFile(path, content, { mode: 0o600 })
    return path
  }))
}
