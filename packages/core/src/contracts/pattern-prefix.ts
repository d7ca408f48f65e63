import type { WantedIntercept } from './interceptor.ts'
import { prefixOf, type Prefix } from '@tunnel/flow'

export type AddressPattern = WantedIntercept['intercept']['addresses'][number]

/** An IP address or a range of a config; undefined for a name. */
export function prefixOfPattern(pattern: AddressPattern): Prefix | undefined {
  switch (pattern.kind) {
    case 'ip':
      return prefixOf(pattern.ip.family, pattern.ip.value)
    case 'cidr':
      return prefixOf(pattern.network.family, pattern.network.value, pattern.prefixLength)
    default:
      return undefined
  }
}

/** The name as it is asked for: `web.ziti`, `*.ziti`. */
export function nameOfPattern(pattern: AddressPattern): string {
  if (pattern.kind === 'host') return pattern.name
  return pattern.kind === 'wildcard' ? `*${pattern.suffix}` : pattern.text
}
