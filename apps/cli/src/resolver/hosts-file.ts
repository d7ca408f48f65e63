import type { HostChange } from '@tunnel/flow'
import { CodedError } from '@tunnel/flow'
import type { HostState } from '@tunnel/linux'
import { planHostsFile } from '@tunnel/linux'
import type { NameEntry } from '../names/name-book.ts'
import { isWildcard } from '../names/name-book.ts'

/** `--resolver file:///etc/hosts`: the names of services as lines of ours in a hosts file. */
export interface HostsFile {
  /** Exactly these names stand there from now on. */
  write(entries: readonly NameEntry[]): Promise<void>
  close(): Promise<void>
}

export function createHostsFile(host: HostState, path: string, slot: number): HostsFile {
  let first: HostChange | undefined
  let written = ''
  return {
    async write(entries) {
      const fingerprint = JSON.stringify(entries)
      if (fingerprint === written) return
      const change = planHostsFile(path, entries, { slot, update: first !== undefined })
      await host.apply([change])
      first ??= change
      written = fingerprint
    },
    async close() {
      if (first) await host.revert([first])
      first = undefined
      written = ''
    },
  }
}

/** A hosts file knows whole names only. Undefined when there is no wildcard among the names. */
export function wildcardProblem(path: string, names: readonly string[]): CodedError | undefined {
  const wildcards = names.filter(isWildcard)
  if (wildcards.length === 0) return undefined
  return new CodedError('resolver.hosts-wildcard', `${path} cannot hold ${wildcards.join(', ')}: services with wildcard names need the DNS server (--resolver udp://127.0.0.1:53)`)
}
