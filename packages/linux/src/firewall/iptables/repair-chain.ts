import type { IptablesRule } from './iptables-rule.ts'
import type { OwnedChain } from './owned-chain.ts'
import { jumpsTo } from './remove-chain.ts'
import type { IptablesChange } from './restore-text.ts'

/** The rules of a chain as iptables-save lists them. Spelled by iptables: to be compared with an earlier listing, and not with ours. */
export function listedRules(listing: readonly string[], chain: string): string[] {
  return listing.filter((line) => line.startsWith(`-A ${chain} `))
}

/**
 * What makes a chain of `planOwnedChain` as it was: nothing where it is there with as many rules as it should have, and
 * linked. `listing`: the lines of its table by iptables-save.
 */
export function planChainRepair(listing: readonly string[], owned: OwnedChain, rules: readonly IptablesRule[]): IptablesChange[] {
  const { chain, hook } = owned
  const isLinked = listedRules(listing, hook).some((line) => jumpsTo(line, chain))
  const isWhole = listing.some((line) => line.startsWith(`:${chain} `)) && listedRules(listing, chain).length === rules.length
  return [...(isWhole ? [] : refillChain(listing, owned, rules)), ...(isLinked ? [] : [linkChain(owned)])]
}

/** The rules again, whatever is in the chain. */
export function refillChain(listing: readonly string[], { chain, owner }: OwnedChain, rules: readonly IptablesRule[]): IptablesChange[] {
  const exists = listing.some((line) => line.startsWith(`:${chain} `))
  return [
    { change: exists ? 'flushChain' : 'newChain', chain },
    ...markAsOurs(rules, owner).map((rule): IptablesChange => ({ change: 'append', chain, rule })),
  ]
}

/** The first rule says whose the chain is, for when somebody has removed the jump to it. */
function markAsOurs(rules: readonly IptablesRule[], owner: string): IptablesRule[] {
  return rules.map((rule, index) => (index === 0 && rule.comment === undefined ? { ...rule, comment: owner } : rule))
}

/** The jump to the chain. */
export function linkChain({ chain, hook, owner, first }: OwnedChain): IptablesChange {
  const rule: IptablesRule = { comment: owner, target: { chain } }
  return first ? { change: 'insert', chain: hook, position: 1, rule } : { change: 'append', chain: hook, rule }
}
