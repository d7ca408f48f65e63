import type { Tunneler, TunnelerStatus } from '@tunnel/core'
import type { Session } from '../session.ts'
import { readVersion } from '../version.ts'

/** What a mode that changes this host adds to its status. */
export interface HostStatus {
  readonly interceptor: string
  /** Which of the tunnelers of this host it is: decides names and marks. */
  readonly slot: number
  readonly dns?: DnsStatus
}

export interface DnsStatus {
  /** `udp://127.0.0.1:53`, or the hosts file. */
  readonly addresses: readonly string[]
  readonly names: number
  readonly ranges: readonly string[]
  readonly upstreams: readonly string[]
  /** What was made of the host's resolver. */
  readonly resolver: string
  readonly questions?: number
  readonly answers?: number
}

/** One running program at one moment, as `status --json` prints it. */
export interface InstanceStatus extends TunnelerStatus, Partial<HostStatus> {
  readonly pid: number
  readonly version: string
  readonly command: string
  /** Seconds. */
  readonly uptime: number
}

export function instanceStatusOf({ command }: Session, tunneler: Tunneler, host: HostStatus | undefined): InstanceStatus {
  return { pid: process.pid, version: readVersion(), command, uptime: Math.round(process.uptime()), ...host, ...tunneler.status() }
}
