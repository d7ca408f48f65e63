import { join } from 'node:path'
import { defaultStateDirectory } from '../options/intercept-options.ts'
import type { Session } from '../session.ts'

/**
 * Where running programs of this user have their status sockets: beside the state when that was moved, else where the
 * system keeps what ends with a boot. Absent: nowhere that is closed to others.
 */
export function statusDirectoryOf({ options, terminal }: Pick<Session, 'options' | 'terminal'>, uid = process.getuid?.()): string | undefined {
  const { stateDirectory } = options.intercept
  if (stateDirectory !== defaultStateDirectory) return join(stateDirectory, 'status')
  if (uid === 0) return '/run/ziti-tunnel'
  const { XDG_RUNTIME_DIR: runtime } = terminal.environment
  return runtime === undefined || runtime === '' ? undefined : join(runtime, 'ziti-tunnel')
}
