import { isCodedError } from '@tunnel/flow'
import type { ChangeParameters, PerformOutcome, Performers } from '../../host-state/performer.ts'
import { textOf } from '../../host-state/parameters.ts'
import { eachPerformer } from '../../host-state/performer.ts'
import { firewallError } from '../firewall-error.ts'
import { isTablePresent, mayHaveChain, removeEmptyTable } from './empty-table.ts'
import { openIptables, type IpFamily, type IptablesControl } from './iptables-control.ts'
import type { OwnedChain } from './owned-chain.ts'
import { removeOwnedChain } from './remove-chain.ts'
import type { IptablesTable } from './restore-text.ts'

/**
 * Makes and undoes the changes of `planOwnedChain`. A child of iptables outlives a kill of its parent for a moment
 * (`lingers`).
 */
export function firewallPerformers(open: () => IptablesControl = openIptables): Performers {
  return {
    'iptables.apply': eachPerformer('network', (parameters) => apply(open(), parameters), { lingers: true, prepare: noteTable }),
    'iptables.remove': eachPerformer('network', (parameters) => remove(open, parameters), { lingers: true }),
  }
}

async function apply(iptables: IptablesControl, parameters: ChangeParameters): Promise<PerformOutcome> {
  await iptables.apply(familyOf(parameters), textOf(parameters, 'text'))
  return 'done'
}

/** iptables makes a table that is not there, and does not delete it again. */
function noteTable(parameters: ChangeParameters): ChangeParameters {
  return { tableWasAbsent: isTablePresent(familyOf(parameters), textOf(parameters, 'table')) === false }
}

async function remove(open: () => IptablesControl, parameters: ChangeParameters): Promise<PerformOutcome> {
  const family = familyOf(parameters)
  const table = tableOf(parameters)
  const owned = { family, table, chain: textOf(parameters, 'chain'), hook: textOf(parameters, 'hook'), owner: textOf(parameters, 'owner') }
  const outcome = await removeUnlessGone(open, owned)
  if (parameters.tableWasAbsent === true) removeEmptyTable(family, table)
  return outcome
}

/** Without the program nothing can be removed. Mostly it was never there, and so was the chain not: the kernel says so. */
async function removeUnlessGone(open: () => IptablesControl, owned: OwnedChain): Promise<PerformOutcome> {
  try {
    return await removeOwnedChain(open(), owned)
  } catch (error) {
    if (!isCodedError(error, 'firewall.unsupported') || mayHaveChain(owned)) throw error
    return 'done'
  }
}

function familyOf({ family }: ChangeParameters): IpFamily {
  if (family === 4 || family === 6) return family
  throw firewallError('firewall.malformed', `${String(family)} is no family of iptables`)
}

function tableOf(parameters: ChangeParameters): IptablesTable {
  const table = textOf(parameters, 'table')
  if (table === 'mangle' || table === 'filter' || table === 'nat' || table === 'raw') return table
  throw firewallError('firewall.malformed', `${table} is no table of iptables`)
}
