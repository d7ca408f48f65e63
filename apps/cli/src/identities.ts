import type { IdentityConfig } from '@tunnel/config'
import { loadIdentity, loadIdentityDirectory } from '@tunnel/config'
import { CodedError } from '@tunnel/flow'
import type { Session } from './session.ts'

const source = 'config/identity.load'

/**
 * The identities that the options name, at least one. One that was named by itself and is bad stops the program; in a
 * directory it is reported, and the others are used.
 */
export async function loadIdentities({ options, log, terminal }: Session): Promise<readonly IdentityConfig[]> {
  const { environment } = terminal
  if (options.identityDirectory !== undefined) return loadDirectory(options.identityDirectory)
  if (options.identities.length === 0) {
    throw new CodedError('usage.identity', 'no identity was given: use -i FILE or --identity-dir DIRECTORY (ziti-tunnel enroll makes one)')
  }
  const identities: IdentityConfig[] = []
  for (const file of options.identities) identities.push(await loadIdentity({ file }, { environment }))
  return identities

  async function loadDirectory(directory: string): Promise<readonly IdentityConfig[]> {
    const loaded = await loadIdentityDirectory(directory, { environment })
    for (const entry of loaded) {
      if (!entry.ok) log('error', source, entry.error.message, { code: entry.error.code, file: entry.file })
    }
    const usable = loaded.flatMap((entry) => (entry.ok ? [entry.value] : []))
    if (usable.length > 0) return usable
    const found = loaded.length === 0 ? 'it has no *.json file' : `none of its ${loaded.length} *.json files can be used`
    throw new CodedError('identity.none', `identity directory ${directory}: ${found}`)
  }
}
