import { textOf } from '../host-state/parameters.ts'
import type { ChangeParameters, PerformOutcome } from '../host-state/performer.ts'
import { readFile } from 'node:fs/promises'
import { resolverError } from './resolver-error.ts'
import { parseResolvConf } from './resolv-conf.ts'
import { runProgram, tryProgram } from './run-program.ts'

/** Adds a record of ours. To add it once more replaces it. */
export async function performResolvconfAdd(parameters: ChangeParameters): Promise<PerformOutcome> {
  const { program, record } = recordOf(parameters)
  const servers = textOf(parameters, 'servers').split(' ')
  await runProgram([program, '-a', record], servers.map((server) => `nameserver ${server}\n`).join(''))
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '')
  if (servers[0] === parseResolvConf(text).nameservers[0]) return 'done'
  await tryProgram([program, '-d', record])
  throw resolverError('resolver.not-effective', `${program} took our nameserver, but /etc/resolv.conf does not have it first. See whether its updates are enabled, and what its configuration puts first`)
}

export async function performResolvconfRemove(parameters: ChangeParameters): Promise<PerformOutcome> {
  const { program, record } = recordOf(parameters)
  const { code, stderr } = await tryProgram([program, '-d', record])
  // openresolv says no when there is nothing to remove, Debian's says nothing.
  if (code === 0 || /No resolv\.conf for interface/.test(stderr)) return 'done'
  throw resolverError('resolver.program-failed', `${program} -d ${record} failed: ${stderr.trim().split('\n')[0] ?? code}`, { program, said: stderr.trim() })
}

function recordOf(parameters: ChangeParameters): { program: string; record: string } {
  return { program: textOf(parameters, 'program'), record: textOf(parameters, 'record') }
}
