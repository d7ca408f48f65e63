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

/** In lower case; undefined for an address. */
export function nameOfPattern(pattern: AddressPattern): string | undefined {
  if (pattern.kind === 'host') return pattern.name
  return pattern.kind === 'wildcard' ? `*${pattern.suffix}` : undefined
}
