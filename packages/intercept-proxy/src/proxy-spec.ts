import type { WantedListener } from '@tunnel/core/contracts'
import { CodedError, type Protocol } from '@tunnel/flow'

/**
 * Reads what a user types for one listener: `service:port` or `service:port:protocol`, with `tcp` (the default) or
 * `udp`. A service name may have colons in it, so it is read from the right: `a:b:2222` is service `a:b`.
 * Gives `proxy.spec-invalid` for what is wrong, as a value.
 */
export function parseProxySpec(spec: string): WantedListener | CodedError {
  const parts = spec.split(':')
  const protocol = protocolOf(parts.at(-1))
  if (protocol) parts.pop()
  const digits = parts.pop() ?? ''
  const service = parts.join(':')
  if (parts.length === 0 && /\D/.test(digits)) return invalid(spec, 'no port is named')
  if (service.trim() === '') return invalid(spec, 'no service is named')
  if (!/^\d+$/.test(digits)) return invalid(spec, `'${digits}' is neither a port nor one of tcp and udp`)
  const port = Number(digits)
  if (port < 1 || port > 65_535) return invalid(spec, `port ${digits} is not from 1 to 65535`)
  return { service, protocol: protocol ?? 'tcp', port }
}

function protocolOf(text: string | undefined): Protocol | undefined {
  return text === 'tcp' || text === 'udp' ? text : undefined
}

function invalid(spec: string, why: string): CodedError {
  return new CodedError('proxy.spec-invalid', `'${spec}' does not say what to listen for: ${why}. Write service:port or service:port:udp`, {
    detail: { spec },
  })
}
