import { firewallError } from '../firewall-error.ts'
import { isChainName, renderIptablesRule, type IptablesRule } from './iptables-rule.ts'

export type IptablesTable = 'mangle' | 'filter' | 'nat' | 'raw'

/** One step of a change set on a table. */
export type IptablesChange =
  | { readonly change: 'newChain' | 'flushChain' | 'deleteChain'; readonly chain: string }
  | { readonly change: 'append' | 'delete'; readonly chain: string; readonly rule: IptablesRule }
  /** `position` 1 is the beginning. */
  | { readonly change: 'insert'; readonly chain: string; readonly position: number; readonly rule: IptablesRule }

/** What `iptables-restore --noflush` reads: all changes of the table are made at once, or none. */
export function renderRestore(table: IptablesTable, changes: readonly IptablesChange[]): string {
  return restoreText(table, changes.map(renderChange))
}

export function restoreText(table: IptablesTable, lines: readonly string[]): string {
  return `*${table}\n${lines.map((line) => `${line}\n`).join('')}COMMIT\n`
}

function renderChange(change: IptablesChange): string {
  if (!isChainName(change.chain)) throw firewallError('firewall.malformed', `${JSON.stringify(change.chain)} cannot be the name of a chain`)
  switch (change.change) {
    case 'newChain': return `-N ${change.chain}`
    case 'flushChain': return `-F ${change.chain}`
    case 'deleteChain': return `-X ${change.chain}`
    case 'append': return `-A ${change.chain} ${renderIptablesRule(change.rule)}`
    case 'delete': return `-D ${change.chain} ${renderIptablesRule(change.rule)}`
    case 'insert': return `-I ${change.chain} ${change.position} ${renderIptablesRule(change.rule)}`
  }
}
