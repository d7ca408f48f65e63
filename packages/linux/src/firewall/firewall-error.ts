import { CodedError, type ErrorDetail } from '@tunnel/flow'

/**
 * What goes wrong with a firewall.
 * - `firewall.malformed`: a change that cannot be expressed (a value that does not fit its field); a mistake of the caller.
 * - `firewall.permission`: the process has no CAP_NET_ADMIN in this network namespace.
 * - `firewall.exists`: a table or chain of this name is there already, of another program or another instance.
 * - `firewall.refused`: the kernel, or iptables-restore, refused one change; nothing of the transaction was made.
 * - `firewall.unsupported`: this kernel lacks what is needed, or a program is missing.
 */
export type FirewallErrorCode =
  | 'firewall.malformed'
  | 'firewall.permission'
  | 'firewall.exists'
  | 'firewall.refused'
  | 'firewall.unsupported'

export function firewallError(code: FirewallErrorCode, message: string, detail?: ErrorDetail, cause?: unknown): CodedError {
  return new CodedError(code, message, { ...(detail && { detail }), ...(cause !== undefined && { cause }) })
}
