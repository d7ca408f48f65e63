import type { HostChange } from '@tunnel/flow'
import { firewallError } from '../firewall-error.ts'
import type { IpFamily } from './iptables-control.ts'
import { isChainName, type IptablesRule } from './iptables-rule.ts'
import { linkChain, refillChain } from './repair-chain.ts'
import { renderRestore, type IptablesTable } from './restore-text.ts'

/** A chain of our own, with a rule in a chain of the system that jumps to it. */
export interface OwnedChain {
  readonly family: IpFamily
  readonly table: IptablesTable
  readonly chain: string
  /** The chain of the system: `PREROUTING`, `INPUT`. */
  readonly hook: string
  /** The comment of the jump: which instance made it. It tells our chain from another program's of the same name. */
  readonly owner: string
  /** At the beginning of the hook, before rules that refuse; else at its end. */
  readonly first?: boolean
}

/** Makes the chain, which must not exist, with its first rules, and links it. The way back needs no more than its names. */
export function planOwnedChain(owned: OwnedChain, rules: readonly IptablesRule[]): HostChange {
  const { family, table, chain, hook, owner } = owned
  if (!/^[\w.:-][\w .:-]{0,99}$/.test(owner)) throw firewallError('firewall.malformed', `${JSON.stringify(owner)} cannot mark a chain`)
  if (!isChainName(hook)) throw firewallError('firewall.malformed', `${JSON.stringify(hook)} cannot be the name of a chain`)
  const text = renderRestore(table, [...refillChain([], owned, rules), linkChain(owned)])
  const where = `${family === 4 ? 'iptables' : 'ip6tables'} -t ${table}`
  return {
    kind: 'iptables.apply',
    summary: `${where}: chain ${chain} with ${rules.length} rules, linked from ${hook}`,
    parameters: { family, table, text },
    undo: {
      kind: 'iptables.remove',
      summary: `${where}: unlink ${chain} from ${hook}, flush and delete it`,
      parameters: { family, table, chain, hook, owner },
    },
  }
}

export interface InputOpening {
  readonly family: IpFamily
  readonly chain: string
  readonly owner: string
  /** Where the neighbours are: `eth0`, `br+`. */
  readonly interfaces: readonly string[]
  /** The mark of intercepted packets. */
  readonly mark: { readonly value: number; readonly mask: number }
}

/**
 * Lets intercepted packets of neighbours pass a firewall that refuses input (`--lanIf`): they are for a socket of this
 * host now. The original opens each service's addresses and ports; the mark says the same, and the rules stay as they
 * are when services come and go.
 */
export function planInputOpening(opening: InputOpening): HostChange {
  const { owned, rules } = inputOpeningChain(opening)
  return planOwnedChain(owned, rules)
}

/** What `planInputOpening` makes, to look after it. */
export function inputOpeningChain({ family, chain, owner, interfaces, mark }: InputOpening): { owned: OwnedChain; rules: IptablesRule[] } {
  const rules = interfaces.map((inInterface): IptablesRule => ({ inInterface, mark, target: 'ACCEPT' }))
  return { owned: { family, table: 'filter', chain, hook: 'INPUT', owner, first: true }, rules }
}
