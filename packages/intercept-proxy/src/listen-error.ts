import { CodedError, formatEndpoint } from '@tunnel/flow'
import type { ListenerSpec } from './listener.ts'

/**
 * Why a listener could not be opened.
 *
 * - `proxy.port-in-use`: another program, or another service of the same table, has the port. Free it or take another.
 * - `proxy.port-forbidden`: ports below 1024 need root or CAP_NET_BIND_SERVICE. Take a higher one.
 * - `proxy.port-invalid`: not from 1 to 65535. Correct the configuration.
 * - `proxy.address-unavailable`: this host does not have the address. Correct it, or wait for the interface.
 * - `proxy.interface-unknown`: neither an IP address nor an interface with an address.
 * - `proxy.listen-failed`: anything else; `detail.errno` says what.
 * - `proxy.closed`: the interceptor was closed.
 * - `proxy.spec-invalid`: a line that `parseProxySpec` cannot read.
 */
export type ProxyErrorCode =
  | 'proxy.port-in-use'
  | 'proxy.port-forbidden'
  | 'proxy.port-invalid'
  | 'proxy.address-unavailable'
  | 'proxy.interface-unknown'
  | 'proxy.listen-failed'
  | 'proxy.closed'
  | 'proxy.spec-invalid'

interface Explanation {
  readonly code: ProxyErrorCode
  readonly why: (spec: ListenerSpec) => string
}

const explanations: Readonly<Record<string, Explanation>> = {
  EADDRINUSE: {
    code: 'proxy.port-in-use',
    why: ({ port }) => `another program uses port ${port}. Stop it, or choose another port`,
  },
  EACCES: {
    code: 'proxy.port-forbidden',
    why: ({ port }) => `this user may not use port ${port}. Choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE`,
  },
  EADDRNOTAVAIL: {
    code: 'proxy.address-unavailable',
    why: ({ address }) => `this host does not have the address ${address}. Bind to one that it has, or to 0.0.0.0`,
  },
}

/** An error of the system as one clear line: what, where, what to do. */
export function toListenError(spec: ListenerSpec, error: unknown): CodedError {
  const errno = error instanceof Error && 'code' in error ? String(error.code) : undefined
  const known = errno === undefined ? undefined : explanations[errno]
  if (known) return createListenError(known.code, spec, known.why(spec), error)
  return createListenError('proxy.listen-failed', spec, error instanceof Error ? error.message : String(error), error)
}

export function createListenError(code: ProxyErrorCode, spec: ListenerSpec, why: string, cause?: unknown): CodedError {
  const addr = formatEndpoint(spec)
  const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
  return new CodedError(code, `Cannot listen on ${spec.protocol} ${addr} for service '${spec.service}': ${why}`, {
    detail: { service: spec.service, protocol: spec.protocol, addr, errno },
    cause,
  })
}
