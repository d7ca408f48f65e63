import { isCodedError, type HostChange } from '@tunnel/flow'
import {
  listedRules,
  openIptables,
  planChainRepair,
  planOwnedChain,
  refillChain,
  renderIptablesRule,
  renderRestore,
  type HostState,
  type IptablesChange,
  type IptablesControl,
  type IptablesRule,
  type OwnedChain,
} from '@tunnel/linux'
import { families, type Family } from '@tunnel/flow'
import type { Numbers } from '../wanted/numbers.ts'
import type { Firewall, FirewallTarget, ListenerPorts } from './firewall.ts'
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

interface OwnedRules {
  readonly owned: OwnedChain
  readonly rules: readonly IptablesRule[]
}

/** All chains of a family, with what stands in those of `chainKinds`. */
function chainsOf(numbers: Numbers, family: Family, present: readonly KeyedRules[]): OwnedRules[] {
  const owner = numbers.table
  const intercept = chainKinds.map(({ name, hook }, index): OwnedRules => {
    const { returns, intercepts } = present[index] ?? emptyRules
    return { owned: { family, table, chain: numbers[name], hook, owner }, rules: [ownTrafficRule, ...returns.values(), ...intercepts.values()] }
  })
  if (family === 6) return intercept
  const refuse: OwnedChain = { family, table: 'filter', chain: numbers.refuseChain, hook: 'INPUT', owner, first: true }
  return [...intercept, { owned: refuse, rules: refusalRules }]
}

/** Everything that is made before the first rule of a family. */
export function planChains(numbers: Numbers, family: Family): HostChange[] {
  return chainsOf(numbers, family, []).map(({ owned, rules }) => planOwnedChain(owned, rules))
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
  /** The rules of chains as iptables listed them when all was well, until we change them. */
  readonly #listed = new Map<string, string>()

  constructor(host: HostState, iptables: IptablesControl, numbers: Numbers, ports: ListenerPorts) {
    this.#host = host
    this.#iptables = iptables
    this.#numbers = numbers
    this.#ports = ports
  }

  async update(target: FirewallTarget): Promise<void> {
    for (const family of families) await this.#updateFamily(target, family)
  }

  async repair(): Promise<boolean> {
    let repaired = false
    for (const [family, present] of this.#present) {
      const chains = chainsOf(this.#numbers, family, present)
      for (const table of new Set(chains.map(({ owned }) => owned.table))) {
        const listing = await this.#iptables.list(family, table)
        const changes = chains.flatMap((each) => (each.owned.table === table ? this.#repairs(listing, each) : []))
        if (changes.length === 0) continue
        repaired = true
        await this.#apply(family, table, changes)
      }
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
      await this.#makeChains(family)
      this.#present.set(family, chainKinds.map(() => emptyRules))
    }
    const present = this.#present.get(family) ?? []
    const changes = chainKinds.flatMap(({ name }, index) => differences(this.#numbers[name], present[index] ?? emptyRules, rules[index] ?? emptyRules))
    if (changes.length === 0) return
    this.#listed.clear()
    try {
      await this.#apply(family, table, changes)
    } catch (error) {
      // Somebody has changed the chains: what we meant to delete may be gone.
      if (!isCodedError(error, 'firewall.refused') || !(await this.repair())) throw error
      await this.#apply(family, table, changes)
    }
    this.#present.set(family, rules)
  }

  /** A failure undoes what it has tried to make, and with it what an instance that died without its journal has left of the same. */
  async #makeChains(family: Family): Promise<void> {
    const chains = planChains(this.#numbers, family)
    try {
      await this.#host.apply(chains)
    } catch (error) {
      if (!isCodedError(error, 'firewall.refused')) throw error
      await this.#host.apply(chains)
    }
  }

  /** Before the host is restored or not at all: a chain that is made again behind it would stay. */
  #apply(family: Family, name: OwnedChain['table'], changes: readonly IptablesChange[]): Promise<void> {
    return this.#host.hold(() => this.#iptables.apply(family, renderRestore(name, changes)))
  }

  #rulesOf(target: FirewallTarget, family: Family): KeyedRules[] {
    return chainKinds.map(({ rulesOf }) => keyed(rulesOf(target, family, this.#numbers, this.#ports)))
  }

  /** Nothing where the chain is what it was when we last looked and, before, has as many rules as were made. */
  #repairs(listing: readonly string[], { owned, rules }: OwnedRules): IptablesChange[] {
    const key = `${owned.family} ${owned.chain}`
    const listed = listedRules(listing, owned.chain).join('\n')
    const before = this.#listed.get(key)
    const changes = planChainRepair(listing, owned, rules)
    if (changes.length === 0 && before !== undefined && before !== listed) changes.push(...refillChain(listing, owned, rules))
    if (changes.length === 0) this.#listed.set(key, listed)
    else this.#listed.delete(key)
    return changes
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
