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
