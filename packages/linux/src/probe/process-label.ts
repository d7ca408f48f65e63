import { basename } from 'node:path'

/**
 * A process for people, as `dnsmasq (pid 812)`. Of Node its first thread's name says nothing (`MainThread`): then the script is
 * named. `comm` and `cmdline` are the texts of its files in /proc (proc_pid(5)).
 */
export function processLabel(pid: string, comm: string | undefined, cmdline: string | undefined): string {
  // What a program calls itself may go on with its options, cut off somewhere (prctl(2) PR_SET_NAME has 15 characters).
  const name = comm?.trim().replace(/ -.*$/, '')
  return `${scriptOf(comm, cmdline) ?? (name || 'a program')} (pid ${pid})`
}

function scriptOf(comm: string | undefined, cmdline: string | undefined): string | undefined {
  if (comm?.trim() !== 'MainThread' && comm?.trim() !== 'node') return undefined
  const script = cmdline?.split('\0').slice(1).find((word) => word !== '' && !word.startsWith('-'))
  return script === undefined ? undefined : basename(script)
}
