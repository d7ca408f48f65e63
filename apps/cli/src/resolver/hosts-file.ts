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

/** A hosts file knows whole names only: by wildcard, what there is to say. */
export function wildcardProblems(path: string, names: readonly string[]): Map<string, CodedError> {
  const message = (name: string): string => `${path} cannot hold ${name}: a service with a wildcard name needs the DNS server (--resolver udp://127.0.0.1:53)`
  return new Map(names.filter(isWildcard).map((name) => [name, new CodedError('resolver.hosts-wildcard', message(name))]))
}
