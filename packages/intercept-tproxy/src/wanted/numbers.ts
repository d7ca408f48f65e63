import { slotMark } from '@tunnel/linux'

/** Names and numbers of one instance on this host. Slot 0 has the original's. */
export interface Numbers {
  readonly slot: number
  /** Of the nftables table. */
  readonly table: string
  /** Of the chain in which the intercepts stand. */
  readonly chain: string
  /** Of the chain of iptables that marks what this host sends to them. */
  readonly outputChain: string
  /** Of the chain of iptables that refuses what is routed to us and not intercepted. */
  readonly refuseChain: string
  /** One bit, put on intercepted packets. */
  readonly mark: number
  readonly routing: Readonly<Record<RoutingTableName, RoutingTable>>
  /** Of the rule that leads packets with our mark to `fallback`. */
  readonly markPriority: number
}

/**
 * - `ours`: the ranges of names. Looked at before the tables of the host: what is not intercepted there is refused here, and
 *   does not leave the host.
 * - `fallback`: addresses that may be somebody's. For packets with our mark; for all others looked at last: lets programs connect on a
 *   host that has no route to them.
 *   Before the host's tables they would take the peers of the tunneler away: the kernel looks up the sources of what comes in
 *   without a mark, and drops a packet whose source is local (fib_validate_source).
 */
export type RoutingTableName = 'ours' | 'fallback'

export interface RoutingTable {
  readonly table: number
  /** Of the rule that leads to it. */
  readonly priority: number
}

/** 0x7a69, the high half of the own mark, in decimal: seen in `ip rule`, it says whose it is. */
const tableBase = 3_133_700
/** Behind the rule of the table main (32766) and default (32767). */
const fallbackPriority = 33_000

export function numbersOf(slot: number): Numbers {
  const suffix = slot === 0 ? '' : `-${slot + 1}`
  return {
    slot,
    table: `ziti-tunnel${suffix}`,
    chain: `NF-INTERCEPT${suffix}`,
    outputChain: `NF-OUTPUT${suffix}`,
    refuseChain: `NF-REFUSE${suffix}`,
    mark: slotMark(slot),
    routing: {
      ours: { table: tableBase + 20 + slot, priority: 100 + slot },
      fallback: { table: tableBase + 40 + slot, priority: fallbackPriority + slot },
    },
    markPriority: 64 + slot,
  }
}
