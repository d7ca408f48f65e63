import type { AddressPattern } from '@tunnel/config'
import type { InterceptTable } from '@tunnel/core'

/** The names in a table, lower case, and which services want each. */
export function wantedNames({ intercepts }: InterceptTable): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const { service, intercept } of intercepts) {
    for (const pattern of intercept.addresses) {
      const name = nameOfPattern(pattern)
      if (name === undefined) continue
      const services = names.get(name)
      if (services === undefined) names.set(name, [service.name])
      else if (!services.includes(service.name)) services.push(service.name)
    }
  }
  return names
}

/**
 * Of these, the names of services whose hosts or instances are told the client's address. Other tunnelers have IPv4 addresses for
 * names and nothing else, so that is what those hosts allow: a 2.0.3 host loses an IPv6 source without a word, ours refuses it.
 */
export function ipv4Names({ intercepts }: InterceptTable): string[] {
  const asking = intercepts.filter(({ intercept: { sourceIp, dialOptions } }) => [sourceIp, dialOptions?.identity].some((template) => template?.includes('$src_ip')))
  return asking.flatMap(({ intercept }) => intercept.addresses.map(nameOfPattern).filter((name) => name !== undefined))
}

/** In lower case; undefined for an address. */
export function nameOfPattern(pattern: AddressPattern): string | undefined {
  if (pattern.kind === 'host') return pattern.name
  return pattern.kind === 'wildcard' ? `*${pattern.suffix}` : undefined
}
