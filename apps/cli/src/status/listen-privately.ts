import { chmodSync } from 'node:fs'
import type { Server } from 'node:net'

/** On a socket at `path` that only this user (and root) can open. */
export function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      chmodSync(path, 0o600)
      resolve()
    })
  })
}
