import { readFileSync } from 'node:fs'

/** Whether a terminal gives its keys' signals to this process group, of which a command is a member too. proc_pid_stat(5), fields 5 and 8. */
export function isInForeground(stat: string = readFileSync('/proc/self/stat', 'latin1')): boolean {
  const [, , , group, , , terminalGroup] = stat.slice(stat.lastIndexOf(')')).split(' ')
  return group !== undefined && group === terminalGroup
}
