import { lstatSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultStateDirectory } from '../options/intercept-options.ts'
import type { Session } from '../session.ts'

/**
 * Where running programs of this user have their status sockets: beside the state when that was moved, else where the system keeps what
 * ends with a boot. `su`, cron and containers name no such place: there it is one of the user's own below `temporary`. Absent: nowhere
 * that is closed to others.
 */
export function statusDirectoryOf({ options, terminal }: Pick<Session, 'options' | 'terminal'>, uid = process.getuid?.(), temporary = tmpdir()): string | undefined {
  const { stateDirectory } = options.intercept
  if (stateDirectory !== defaultStateDirectory) return join(stateDirectory, 'status')
  if (uid === 0) return '/run/ziti-tunnel'
  const { XDG_RUNTIME_DIR: runtime } = terminal.environment
  if (runtime !== undefined && runtime !== '') return join(runtime, 'ziti-tunnel')
  if (uid === undefined) return undefined
  const own = join(temporary, `ziti-tunnel-${uid}`)
  return isOwnOrMissing(own, uid) ? own : undefined
}

/** Where else one may run that is not found there. */
export function whoElse(uid = process.getuid?.()): string {
  return uid === 0 ? 'one that another user started is asked as that user' : 'one that was started with sudo is asked with sudo'
}

/** Where all may write, somebody else may have been there first, with a folder or a link to one. */
function isOwnOrMissing(path: string, uid: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found === undefined || (found.isDirectory() && found.uid === uid)
}
