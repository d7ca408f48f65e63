import { readFileSync } from 'node:fs'
import { openNetlink, type NetlinkSocket } from '../../netlink/netlink-socket.ts'
import { NETLINK_NETFILTER, protocolFamily } from '../nftables/kernel-numbers.ts'
import { readChainNames, readTableNames } from '../nftables/read-table.ts'
import { TransactionWriter } from '../nftables/transaction-writer.ts'
import { writeDeleteEmptyTable } from '../nftables/write-change.ts'
import type { IpFamily } from './iptables-control.ts'

/**
 * iptables over nf_tables keeps each of its tables in one of nf_tables of the same name, makes it when it is needed,
 * and leaves it behind. (The tables of the legacy program belong to the kernel.)
 */
export function isTablePresent(family: IpFamily, table: string): boolean | undefined {
  return withNetfilter((socket) => readTableNames(socket, familyNumber(family)).includes(table))
}

/** Deletes it unless something is in it: the kernel decides, so that nothing that came meanwhile is lost. */
export function removeEmptyTable(family: IpFamily, table: string): void {
  withNetfilter((socket) => {
    if (!readTableNames(socket, familyNumber(family)).includes(table)) return
    const out = new TransactionWriter(table, familyNumber(family))
    writeDeleteEmptyTable(out, readChainNames(socket, table, familyNumber(family)))
    socket.sendBatch(out.finish().messages)
  })
}

/** By what the kernel says: of the legacy kind's tables it tells no more than that they are there. */
export function mayHaveChain({ family, table, chain }: { family: IpFamily; table: string; chain: string }): boolean {
  const isThere = withNetfilter((socket) => readChainNames(socket, table, familyNumber(family)).includes(chain)) ?? false
  return isThere || legacyTables(family).includes(table)
}

function legacyTables(family: IpFamily): string[] {
  try {
    return readFileSync(`/proc/thread-self/net/${family === 4 ? 'ip' : 'ip6'}_tables_names`, 'latin1').split('\n')
  } catch {
    return []
  }
}

function familyNumber(family: IpFamily): number {
  return family === 4 ? protocolFamily.ipv4 : protocolFamily.ipv6
}

/** Undefined where it does not work: no nf_tables, no privilege, a table in use. All of them leave nothing to do here. */
function withNetfilter<T>(use: (socket: NetlinkSocket) => T): T | undefined {
  let socket: NetlinkSocket | undefined
  try {
    socket = openNetlink(NETLINK_NETFILTER)
    return use(socket)
  } catch {
    return undefined
  } finally {
    socket?.close()
  }
}
