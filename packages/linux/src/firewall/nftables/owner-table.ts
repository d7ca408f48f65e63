import { isCodedError, type CodedError } from '@tunnel/flow'
import { openNetlink, type NetlinkSocket } from '../../netlink/netlink-socket.ts'
import { firewallError } from '../firewall-error.ts'
import { summarizeChange, type NftChange } from './change.ts'
import { NETLINK_NETFILTER } from './kernel-numbers.ts'
import { readTable, type TableContents } from './read-table.ts'
import { TransactionWriter } from './transaction-writer.ts'
import { writeChange, writeOwnerTable } from './write-change.ts'


/**
 * A table of nf_tables that belongs to this process: nobody else can change or flush it (`nft flush ruleset` leaves it),
 * and the kernel deletes it with the process, however that ends. Linux 5.12 and later.
 */
export interface OwnerTable {
  readonly name: string
  /**
   * Makes all changes at one instant, or none. Throws `firewall.refused` with `index`, `change` and `errno` in its detail, or
   * `firewall.malformed` before anything was sent.
   */
  commit(changes: readonly NftChange[]): void
  /** What the kernel holds now: to verify, and for the handles of rules. */
  read(): TableContents
  /** The table is gone when this returns. */
  close(): void
}

/** Makes a table of family inet. Throws `firewall.exists`, `firewall.permission` or `firewall.unsupported`. */
export function openOwnerTable({ name }: { name: string }): OwnerTable {
  if (!/^[A-Za-z][\w./-]{0,254}$/.test(name)) throw firewallError('firewall.malformed', `${JSON.stringify(name)} cannot be the name of a table`)
  const socket = openSocket()
  try {
    const out = new TransactionWriter(name)
    writeOwnerTable(out)
    socket.sendBatch(out.finish().messages)
  } catch (error) {
    socket.close()
    throw openingError(name, error)
  }
  return new NetlinkOwnerTable(name, socket)
}

class NetlinkOwnerTable implements OwnerTable {
  readonly name: string
  readonly #socket: NetlinkSocket

  constructor(name: string, socket: NetlinkSocket) {
    this.name = name
    this.#socket = socket
  }

  commit(changes: readonly NftChange[]): void {
    if (changes.length === 0) return
    const out = new TransactionWriter(this.name)
    changes.forEach((change, index) => {
      out.beginChange(index)
      writeChange(out, change)
    })
    const { messages, changeOfMessage } = out.finish()
    try {
      this.#socket.sendBatch(messages)
    } catch (error) {
      throw refusal(error, changes, changeOfMessage)
    }
  }

  read(): TableContents {
    return readTable(this.#socket, this.name)
  }

  close(): void {
    this.#socket.close()
  }
}

function openSocket(): NetlinkSocket {
  try {
    return openNetlink(NETLINK_NETFILTER)
  } catch (error) {
    if (!isCodedError(error, 'linux.unsupported')) throw error
    throw firewallError('firewall.unsupported', `This kernel has no netfilter netlink: ${error.message}`, error.detail, error)
  }
}

/** The kernel refuses a caller without the privilege at the opening bracket, which is message 0. */
function openingError(name: string, error: unknown): unknown {
  if (!isCodedError(error)) return error
  const { errno, index } = error.detail
  if (errno === 'EPERM' && index === 0) {
    return firewallError('firewall.permission', 'Changing nf_tables needs CAP_NET_ADMIN: run as root', error.detail, error)
  }
  if (errno === 'EEXIST' || errno === 'EPERM') {
    const holder = errno === 'EPERM' ? ', held by a running process' : ''
    return firewallError('firewall.exists', `The nf_tables table inet ${name} exists already${holder}`, error.detail, error)
  }
  const reason = index === 0 ? 'This kernel has no nf_tables' : 'This kernel has no nf_tables tables with an owner (Linux 5.12 has)'
  return firewallError('firewall.unsupported', `${reason}: ${String(errno)}`, error.detail, error)
}

function refusal(error: unknown, changes: readonly NftChange[], changeOfMessage: readonly number[]): unknown {
  if (!isCodedError(error) || typeof error.detail.index !== 'number') return error
  const index = changeOfMessage[error.detail.index] ?? -1
  const change = changes[index]
  if (!change) return refusalOfAll(error)
  const summary = summarizeChange(change)
  const { errno, kernel } = error.detail
  const said = kernel === undefined ? String(errno) : `${String(errno)}, ${String(kernel)}`
  return firewallError('firewall.refused', `nf_tables refused to ${summary}: ${said}`, { index, change: summary, errno }, error)
}

function refusalOfAll(error: CodedError): CodedError {
  return firewallError('firewall.refused', `nf_tables refused the transaction: ${String(error.detail.errno)}`, { errno: error.detail.errno }, error)
}
