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
import { ownTrafficRule, refusalRules, rulesOf, type ChainRules } from './iptables-rules.ts'

const table = 'mangle'
const hook = 'PREROUTING'

/** Everything that is made before the first rule of a family. */
export function planChains(numbers: Numbers, family: Family): HostChange[] {
  const intercept = planOwnedChain({ family, table, chain: numbers.chain, hook, owner: numbers.table }, [ownTrafficRule])
  if (family === 6) return [intercept]
  const refuse = planOwnedChain({ family, table: 'filter', chain: numbers.refuseChain, hook: 'INPUT', owner: numbers.table, first: true }, refusalRules)
  return [intercept, refuse]
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
  /** What stands in the chain of each family; no entry, no chain. */
  readonly #present = new Map<Family, KeyedRules>()
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
      const found = this.#inspect(await this.#iptables.list(family, table), present)
      if (found.whole) continue
      repaired = true
      const { chain } = this.#numbers
      const rules = keyed(rulesOf(this.#target, family, this.#numbers, this.#ports))
      await this.#iptables.apply(family, renderRestore(table, [
        { change: found.chain ? 'flushChain' : 'newChain', chain },
        { change: 'append', chain, rule: ownTrafficRule },
        ...differences(chain, emptyRules, rules),
        ...(found.linked ? [] : [{ change: 'append', chain: hook, rule: { comment: this.#numbers.table, target: { chain } } } as const]),
      ]))
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
    const rules = keyed(rulesOf(target, family, this.#numbers, this.#ports))
    if (!this.#present.has(family)) {
      if (rules.intercepts.size === 0) return
      await this.#host.apply(planChains(this.#numbers, family))
      this.#present.set(family, emptyRules)
    }
    const changes = differences(this.#numbers.chain, this.#present.get(family) ?? emptyRules, rules)
    if (changes.length === 0) return
    try {
      await this.#iptables.apply(family, renderRestore(table, changes))
    } catch (error) {
      // Somebody has changed the chain: what we meant to delete may be gone.
      if (!isCodedError(error, 'firewall.refused') || !(await this.repair())) throw error
      await this.#iptables.apply(family, renderRestore(table, changes))
    }
    this.#present.set(family, rules)
  }

  #inspect(listing: readonly string[], present: KeyedRules) {
    const { chain } = this.#numbers
    const exists = listing.some((line) => line.startsWith(`:${chain} `))
    const linked = listing.some((line) => line.startsWith(`-A ${hook} `) && line.endsWith(`-j ${chain}`))
    const count = listing.filter((line) => line.startsWith(`-A ${chain} `)).length
    return { chain: exists, linked, whole: exists && linked && count === 1 + present.returns.size + present.intercepts.size }
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
