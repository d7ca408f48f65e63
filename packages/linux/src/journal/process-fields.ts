import { readFileSync } from 'node:fs'

/** The fields of proc_pid_stat(5) after the name, which may hold anything and ends at the last parenthesis. */
export function processFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
