import { CodedError, type ErrorDetail } from '@tunnel/flow'

/**
 * Why the host's resolver could not be set.
 *
 * - `resolver.unsupported`: nothing that we can change answers for this host. Set it by hand: the message says how.
 * - `resolver.read-only`: resolv.conf cannot be written here. Set it where it comes from, or use `--resolver file:///etc/hosts`.
 * - `resolver.taken`: another tunneler of this host is its first nameserver. Let one of them serve both identities.
 * - `resolver.port`: this resolver asks port 53 only. Let the DNS server listen there.
 * - `resolver.program-missing`: systemd-resolved runs, and neither resolvectl, systemd-resolve nor busctl is installed.
 * - `resolver.program-failed`: a program of the resolver manager refused; `detail.said` has its words.
 * - `resolver.not-effective`: the change was made, and the resolver does not use it.
 * - `resolver.hosts-wildcard`: a hosts file cannot hold `*.name`. Use the DNS server for such services.
 * - `resolver.hosts-entry`: an address or a name that a hosts file cannot hold.
 */
export type ResolverErrorCode =
  | 'resolver.unsupported'
  | 'resolver.read-only'
  | 'resolver.taken'
  | 'resolver.port'
  | 'resolver.program-missing'
  | 'resolver.program-failed'
  | 'resolver.not-effective'
  | 'resolver.hosts-wildcard'
  | 'resolver.hosts-entry'

export const resolverError = (code: ResolverErrorCode, message: string, detail?: ErrorDetail, cause?: unknown): CodedError =>
  new CodedError(code, message, { ...(detail && { detail }), cause })
