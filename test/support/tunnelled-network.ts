import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Network } from '@tunnel/devnet'
import { scratchFolder } from './real-servers.ts'

/** Writes the identity of an enrolled client where `ziti-tunnel` reads it. */
export function identityFile(network: Network, name: string): string {
  const file = join(scratchFolder('identity'), `${name}.json`)
  writeFileSync(file, JSON.stringify(network.identityJson(name)), { mode: 0o600 })
  return file
}
