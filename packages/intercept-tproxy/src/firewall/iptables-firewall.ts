import { isCodedError, type HostChange } from '@tunnel/flow'
import {
  openIptables,
  planOwnedChain,
  renderIptablesRule,
  renderRestore,
  type HostState,
  type IptablesChange,
  type IptablesControl,
  type IptablesRule,
} from '@tunnel/linux'
import { families, type Family } from '../address/prefix.ts'
import type { Numbers } from '../wanted/numbers.ts'
import { emptyTarget, type Firewall, type FirewallTarget, type ListenerPorts } from './firewall.ts'
import { interceptRules, outputRules, ownTrafficRule, refusalRules, type ChainRules } from './iptables-rules.ts'

const table = 'mangle'

/** A chain of ours with its rules; both chains come and go together. */
interface ChainKind {
  readonly name: 'chain' | 'outputChain'
  readonly hook: 'PREROUTING' | 'OUTPUT'
  readonly rulesOf: typeof interceptRules
}

/** Packets are taken where they come in before they are sent there. */
const chainKinds: readonly ChainKind[] = [
  { name: 'chain', hook: 'PREROUTING', rulesOf: interceptRules },
  { name: 'outputChain', hook: 'OUTPUT', rulesOf: outputRules },
]

/** Everything that is made before the first rule of a family. */
export function planChains(numbers: Numbers, family: Family): HostChange[] {
  const intercept = chainKinds.map(({ name, hook }) => planOwnedChain({ family, table, chain: numbers[name], hook, owner: numbers.table }, [ownTrafficRule]))
  if (family === 6) return intercept
  const refuse = planOwnedChain({ family, table: 'filter', chain: numbers.refuseChain, hook: 'INPUT', owner: numbers.table, first: true }, refusalRules)
  return [...intercept, refuse]
}

/** Looks whether iptables can be used; changes nothing. Rejects with its words, or the original's where it is missing. */
export async function openIptablesFirewall(host: HostState, numbers: Numbers, ports: ListenerPorts): Promise<Firewall> {
  const iptables = openIptables()
  await iptables.list(4, table)
  return new IptablesFirewall(host, iptables, numbers, ports)
}

/** Whether this host has iptables for IPv6. */
export async function hasIp6tables(): Promise<boolean> {
  return openIptables()
    .list(6, table)
    .then(
      () => true,
      () => false,
    )
}

class IptablesFirewall implements Firewall {
  readonly form = 'iptables'
  readonly #host: HostState
  readonly #iptables: IptablesControl
  readonly #numbers: Numbers
  readonly #ports: ListenerPorts
  /** What stands in the chains of each family, in the order of `chainKinds`; no entry, no chains. */
  readonly #present = new Map<Family, readonly KeyedRules[]>()
  #target: FirewallTarget = emptyTarget

  constructor(host: HostState, iptables: IptablesControl, numbers: Numbers, ports: ListenerPorts) {
    this.#host = host
    this.#iptables = iptables
    this.#numbers = numbers
    this.#ports = ports
  }

  async update(target: FirewallTarget): Promise<void> {
    for (const family of families) await this.#updateFamily(target, family)
    this.#target = target
  }

  async repair(): Promise<boolean> {
    let repaired = false
    for (const [family, present] of this.#present) {
      const listing = await this.#iptables.list(family, table)
      const rules = this.#rulesOf(this.#target, family)
      const changes = chainKinds.flatMap((kind, index) => this.#repairs(kind, listing, present[index] ?? emptyRules, rules[index] ?? emptyRules))
      if (changes.length === 0) continue
      repaired = true
      await this.#iptables.apply(family, renderRestore(table, changes))
      this.#present.set(family, rules)
    }
    return repaired
  }

  async close(): Promise<void> {
    const chains = [...this.#present.keys()].flatMap((family) => planChains(this.#numbers, family))
    this.#present.clear()
    await this.#host.revert(chains)
  }

  async #updateFamily(target: FirewallTarget, family: Family): Promise<void> {
    const rules = this.#rulesOf(target, family)
    if (!this.#present.has(family)) {
      if (rules.every(({ intercepts }) => intercepts.size === 0)) return
      await this.#host.apply(planChains(this.#numbers, family))
      this.#present.set(family, chainKinds.map(() => emptyRules))
    }
    const present = this.#present.get(family) ?? []
    const changes = chainKinds.flatMap(({ name }, index) => differences(this.#numbers[name], present[index] ?? emptyRules, rules[index] ?? emptyRules))
    if (changes.length === 0) return
    try {
      await this.#iptables.apply(family, renderRestore(table, changes))
    } catch (error) {
      // Somebody has changed the chains: what we meant to delete may be gone.
      if (!isCodedError(error, 'firewall.refused') || !(await this.repair())) throw error
      await this.#iptables.apply(family, renderRestore(table, changes))
    }
    this.#present.set(family, rules)
  }

  #rulesOf(target: FirewallTarget, family: Family): KeyedRules[] {
    return chainKinds.map(({ rulesOf }) => keyed(rulesOf(target, family, this.#numbers, this.#ports)))
  }

  /** Nothing where the chain is whole. */
  #repairs({ name, hook }: ChainKind, listing: readonly string[], present: KeyedRules, rules: KeyedRules): IptablesChange[] {
    const { [name]: chain, table: owner } = this.#numbers
    const exists = listing.some((line) => line.startsWith(`:${chain} `))
    const linked = listing.some((line) => line.startsWith(`-A ${hook} `) && line.endsWith(`-j ${chain}`))
    const count = listing.filter((line) => line.startsWith(`-A ${chain} `)).length
    if (exists && linked && count === 1 + present.returns.size + present.intercepts.size) return []
    return [
      { change: exists ? 'flushChain' : 'newChain', chain },
      { change: 'append', chain, rule: ownTrafficRule },
      ...differences(chain, emptyRules, rules),
      ...(linked ? [] : [{ change: 'append', chain: hook, rule: { comment: owner, target: { chain } } } as const]),
    ]
  }
}

/** By their text: equal rules are one. */
interface KeyedRules {
  readonly returns: ReadonlyMap<string, IptablesRule>
  readonly intercepts: ReadonlyMap<string, IptablesRule>
}

const emptyRules: KeyedRules = { returns: new Map(), intercepts: new Map() }

function keyed({ returns, intercepts }: ChainRules): KeyedRules {
  const byText = (rules: readonly IptablesRule[]) => new Map(rules.map((rule) => [renderIptablesRule(rule), rule]))
  return { returns: byText(returns), intercepts: byText(intercepts) }
}

function differences(chain: string, before: KeyedRules, after: KeyedRules): IptablesChange[] {
  const without = (these: ReadonlyMap<string, IptablesRule>, others: ReadonlyMap<string, IptablesRule>): IptablesRule[] =>
    [...these].flatMap(([text, rule]) => (others.has(text) ? [] : [rule]))
  const gone = [...without(before.returns, after.returns), ...without(before.intercepts, after.intercepts)]
  return [
    // Behind the rule for traffic of tunnelers, before all intercepts.
    ...without(after.returns, before.returns).map((rule): IptablesChange => ({ change: 'insert', chain, position: 2, rule })),
    ...without(after.intercepts, before.intercepts).map((rule): IptablesChange => ({ change: 'append', chain, rule })),
    ...gone.map((rule): IptablesChange => ({ change: 'delete', chain, rule })),
  ]
}
