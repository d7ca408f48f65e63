import { CodedError, isCodedError } from '@tunnel/flow'
import { formatListenAddress, type ListenAddress } from './listen-address.ts'

export type ListenErrorCode = 'dns.port-in-use' | 'dns.port-forbidden' | 'dns.address-unavailable' | 'dns.listen-failed'

const explanations: Readonly<Record<string, { readonly code: ListenErrorCode; readonly why: (at: ListenAddress) => string }>> = {
  EADDRINUSE: { code: 'dns.port-in-use', why: ({ port }) => `port ${port} is in use. Stop the other program (often systemd-resolved or dnsmasq), or choose another address or port` },
  EACCES: { code: 'dns.port-forbidden', why: ({ port }) => `port ${port} needs a privilege. Choose one from 1024 up, or run with CAP_NET_BIND_SERVICE` },
  EPERM: { code: 'dns.port-forbidden', why: () => 'the system does not permit it. Run with CAP_NET_BIND_SERVICE' },
  EADDRNOTAVAIL: { code: 'dns.address-unavailable', why: ({ address }) => `this host does not have the address ${address}` },
  EAFNOSUPPORT: { code: 'dns.address-unavailable', why: ({ address }) => `this host has no addresses like ${address}` },
}

/** A system's error as one line that says what, where and what to do. An error that says so already stays as it is. */
export function toListenError(at: ListenAddress, error: unknown): CodedError {
  if (isCodedError(error) && error.code.startsWith('dns.')) return error
  const errno = errnoOf(error)
  const known = errno === undefined ? undefined : explanations[errno]
  const why = known ? known.why(at) : error instanceof Error ? error.message : String(error)
  return new CodedError(known?.code ?? 'dns.listen-failed', `Cannot listen on ${formatListenAddress(at)}: ${why}`, { detail: { addr: formatListenAddress(at), errno }, cause: error })
}

/** Node's errors have the name in `code`, those of an FFI port in `detail.errno`. */
function errnoOf(error: unknown): string | undefined {
  if (isCodedError(error)) return typeof error.detail['errno'] === 'string' ? error.detail['errno'] : undefined
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
