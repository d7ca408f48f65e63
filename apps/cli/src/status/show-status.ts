import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '@tunnel/flow'
import type { ExitCode } from '../exit-codes.ts'
import { exitCodes } from '../exit-codes.ts'
import { formatJson } from '../log/escape.ts'
import type { Session } from '../session.ts'
import type { InstanceStatus } from './instance-status.ts'
import { renderStatus } from './render-status.ts'
import { askStatus } from './status-client.ts'
import { statusDirectoryOf, whoElse } from './status-directory.ts'

/** Prints what the running programs say. Exit code 1 when none runs. */
export async function showStatus(session: Session, { json }: { json: boolean }): Promise<ExitCode> {
  const directory = statusDirectoryOf(session)
  const instances = directory === undefined ? [] : await askAll(directory)
  const { stdout } = session.terminal
  if (json) stdout.write(formatJson(instances))
  else if (instances.length > 0) stdout.write(instances.map((instance) => renderStatus(instance, stdout.columns)).join('\n'))
  if (instances.length > 0) return exitCodes.ok
  throw new CodedError('status.none', `no ziti-tunnel of this user is running${directory === undefined ? '' : ` (looked in ${directory})`}; ${whoElse()}, one with --state-dir with the same`)
}

async function askAll(directory: string): Promise<InstanceStatus[]> {
  const files = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES') throw new CodedError('status.forbidden', `${directory} belongs to another user: use sudo`, { cause: error })
    return []
  })
  const paths = files.filter((file) => file.endsWith('.sock')).map((file) => join(directory, file))
  const answers = await Promise.all(paths.map(async (path) => ({ path, answer: await askStatus(path) })))
  // What a killed program left there.
  await Promise.all(answers.filter(({ answer }) => answer === 'gone').map(({ path }) => unlink(path).catch(() => {})))
  return answers.flatMap(({ answer }) => (typeof answer === 'string' ? [] : [answer])).toSorted((left, right) => left.pid - right.pid)
}
