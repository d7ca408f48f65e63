import { isCodedError } from '@tunnel/flow'
import type { PerformOutcome } from '../../host-state/performer.ts'
import type { IptablesControl } from './iptables-control.ts'
import type { OwnedChain } from './owned-chain.ts'
import { restoreText } from './restore-text.ts'

/** Somebody may change the tables between our look and our deletion: then we look again. */
const attempts = 3

/** Unlinks, flushes and deletes a chain of ours. What is gone already is fine; what is not ours stays. */
export async function removeOwnedChain(iptables: IptablesControl, owned: OwnedChain): Promise<PerformOutcome> {
  for (let attempt = 1; ; attempt++) {
    const plan = planRemoval(await iptables.list(owned.family, owned.table), owned)
    if (plan.lines.length === 0) return plan.outcome
    try {
      await iptables.apply(owned.family, restoreText(owned.table, plan.lines))
      return plan.outcome
    } catch (error) {
      if (attempt === attempts || !isCodedError(error, 'firewall.refused')) throw error
    }
  }
}

interface Removal {
  readonly lines: readonly string[]
  readonly outcome: PerformOutcome
}

/** `listing`: the lines of iptables-save. They are deleted as they are listed, so that nothing is spelled differently. */
export function planRemoval(listing: readonly string[], { chain, hook, owner, table }: OwnedChain): Removal {
  const rules = listing.filter((line) => line.startsWith('-A '))
  const jumps = rules.filter((line) => !line.startsWith(`-A ${chain} `) && jumpsTo(line, chain))
  const links = jumps.filter((line) => line.startsWith(`-A ${hook} `) && hasComment(line, owner))
  const exists = listing.some((line) => line.startsWith(`:${chain} `))
  const isOurs = links.length > 0 || rules.some((line) => line.startsWith(`-A ${chain} `) && hasComment(line, owner))
  const isIdle = jumps.length === 0 && !rules.some((line) => line.startsWith(`-A ${chain} `))
  const unlink = links.map((line) => `-D${line.slice(2)}`)
  if (!exists) return { lines: [], outcome: 'done' }
  if (!isOurs && !isIdle) return { lines: [], outcome: { notOurs: `the chain ${chain} of table ${table} has no mark of this instance (${owner})` } }
  const foreign = jumps.find((line) => !links.includes(line))
  if (foreign === undefined) return { lines: [...unlink, `-F ${chain}`, `-X ${chain}`], outcome: 'done' }
  return { lines: [...unlink, `-F ${chain}`], outcome: { notOurs: `a rule of somebody else jumps to ${chain}, so it stays, empty: ${foreign}` } }
}

export function jumpsTo(line: string, chain: string): boolean {
  const words = withoutQuoted(line).split(' ')
  return words.some((word, index) => (word === '-j' || word === '-g') && words[index + 1] === chain)
}

function hasComment(line: string, comment: string): boolean {
  return line.includes(` --comment "${comment}" `) || line.includes(` --comment ${comment} `)
}

/** A comment may hold any text, ` -j ` too. */
function withoutQuoted(line: string): string {
  return line.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
}
