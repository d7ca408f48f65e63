import { isIP } from 'node:net'
import type { HostChange } from '@tunnel/flow'
import { resolverError } from './resolver-error.ts'

export interface HostsEntry {
  /** An IPv4 or IPv6 address. */
  readonly address: string
  readonly name: string
}

export interface HostsOptions {
  /** 0 for the first tunneler of this host, 1 for the second: each has a mark of its own. */
  readonly slot?: number
  /** The lines of an earlier change are replaced. Its undo takes these out as well, so that this one needs none. */
  readonly update?: boolean
}

/**
 * Marked lines in a hosts file; all other lines stay byte for byte as they are. Throws `resolver.hosts-wildcard` and
 * `resolver.hosts-entry`.
 */
export function planHostsFile(path: string, entries: readonly HostsEntry[], options: HostsOptions = {}): HostChange {
  const wildcards = entries.filter(({ name }) => name.startsWith('*')).map(({ name }) => name)
  if (wildcards.length > 0) throw resolverError('resolver.hosts-wildcard', `${path} cannot hold wildcard names (${wildcards.slice(0, 5).join(', ')}${wildcards.length > 5 ? ', ...' : ''}). Use --resolver udp://127.0.0.1:53 for their services`, { names: wildcards.slice(0, 5).join(' ') })
  const wrong = entries.find(({ address, name }) => isIP(address) === 0 || !/^[\w.-]+$/.test(name))
  if (wrong) throw resolverError('resolver.hosts-entry', `${path} cannot hold '${wrong.address} ${wrong.name}': that is not an address and a host name`)
  const mark = hostsMark(options.slot ?? 0)
  return {
    kind: 'hosts.lines',
    summary: `${path}: ${entries.length} name${entries.length === 1 ? '' : 's'} of ours`,
    parameters: { path, mark, lines: entries.map(({ address, name }) => `${address} ${name}`).join('\n') },
    ...(!options.update && { undo: { kind: 'hosts.remove', summary: `${path}: our lines taken out`, parameters: { path, mark } } }),
  }
}

const hostsMark = (slot: number): string => (slot === 0 ? '# ziti-tunnel' : `# ziti-tunnel-${slot + 1}`)

/**
 * Our lines first, then the rest of `text`: the beginning is the only place where a file that does not end in a line
 * feed can take lines and give them back, whatever others append meanwhile.
 */
export function withHostsLines(text: string, mark: string, lines: readonly string[]): string {
  const rest = withoutHostsLines(text, mark)
  const end = /^[^\n]*\r\n/.test(rest) ? '\r\n' : '\n'
  return lines.map((line) => `${line} ${mark}${end}`).join('') + rest
}

/** `text` without the lines that bear the mark, wherever they stand now. */
export function withoutHostsLines(text: string, mark: string): string {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
  return lines.filter((line) => !line.trimEnd().endsWith(` ${mark}`)).join('')
}
