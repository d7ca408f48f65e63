import { CodedError } from '@tunnel/flow'

/**
 * Why something cannot be intercepted.
 *
 * - `tproxy.address-local`: this host has the address itself (or no host can: loopback, multicast). Take another in the config.
 * - `tproxy.unassigned`: the host name has no address. `detail.name` says which.
 * - `tproxy.address-invalid`: what the name was given is no address. A defect of the program.
 * - `tproxy.no-ipv6`: this host has no IPv6. Turn it on, or intercept an IPv4 address.
 * - `tproxy.apply-failed`: the system refused a change; the message has its words. Tried again at the next `apply`.
 * - `tproxy.no-firewall`: neither nftables nor iptables work (rejected at creation). Install one, grant CAP_NET_ADMIN, or use another mode.
 * - `tproxy.closed`: the interceptor was closed.
 */
export type TproxyErrorCode =
  | 'tproxy.address-local'
  | 'tproxy.unassigned'
  | 'tproxy.address-invalid'
  | 'tproxy.no-ipv6'
  | 'tproxy.apply-failed'
  | 'tproxy.no-firewall'
  | 'tproxy.closed'

export function createTproxyError(code: TproxyErrorCode, message: string, detail?: CodedError['detail'], cause?: unknown): CodedError {
  return new CodedError(code, message, { ...(detail && { detail }), cause })
}
