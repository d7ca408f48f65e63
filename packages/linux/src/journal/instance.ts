import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { processFields } from './process-fields.ts'

/**
 * One run of a program on one boot, and the namespaces that its changes were made in. A pid alone is used again; with the
 * start time (proc_pid_stat(5), field 22) and the boot it names one process for ever.
 */
export interface Instance {
  readonly boot: string
  readonly pid: number
  /** Clock ticks since boot, as a decimal text. */
  readonly started: string
  /** The process group: the programs that it starts are in it too. */
  readonly group: number
  readonly networkNamespace: string
  readonly mountNamespace: string
  readonly pidNamespace: string
  /** Device and inode of /etc: tells whether two mount namespaces (a service with PrivateTmp, a container) see the same files. */
  readonly files: string
}

export function currentInstance(pid: number = process.pid): Instance {
  return {
    boot: bootId(),
    pid,
    started: startTime(pid) ?? '0',
    group: Number(processFields(pid)?.[2] ?? 0),
    networkNamespace: namespaceOf('net'),
    mountNamespace: namespaceOf('mnt'),
    pidNamespace: namespaceOf('pid'),
    files: directoryIdentity('/etc'),
  }
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}

/** Undefined when there is no such process; a zombie without threads is none: it has closed what it had, and changes nothing any more. */
export function startTime(pid: number): string | undefined {
  const fields = processFields(pid)
  if (fields === undefined) return undefined
  const threads = Number(fields[17])
  if (fields[0] === 'X' || (fields[0] === 'Z' && threads <= 1)) return undefined
  return fields[19]
}

/** `4026531840`: the inode number is how a namespace is told from another, namespaces(7). */
function namespaceOf(type: 'net' | 'mnt' | 'pid'): string {
  return /\d+/.exec(readlinkSync(`/proc/self/ns/${type}`))?.[0] ?? '0'
}

function directoryIdentity(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return 'none'
  }
}
