import { readdirSync } from 'node:fs'
import type { Instance } from './instance.ts'
import { currentInstance } from './instance.ts'
import { processFields } from './process-fields.ts'

/**
 * Programs that a dead instance had started and that still run: an `iptables-restore` that waits for its lock makes its change
 * after the undo. They are of the instance's process group and not older than it, and have been given to a parent outside their
 * session; that tells them from neighbours in a pipeline or a script, whose shell lives.
 */
export function orphansOf({ boot, pid: instance, pidNamespace, group, started }: Instance): number[] {
  const here = currentInstance()
  if (boot !== here.boot || pidNamespace !== here.pidNamespace) return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
  return pids.filter((pid) => {
    const fields = processFields(pid)
    if (fields === undefined || pid === process.pid || pid === instance) return false
    const [state, parent, theirGroup, session] = fields
    if (Number(theirGroup) !== group || state === 'Z' || Number(fields[19]) < Number(started)) return false
    return processFields(Number(parent))?.[3] !== session
  })
}
