import { matchAddress, matchTarget } from './address-pattern.ts'
import type { AddressPattern, MatchTarget } from './address-pattern.ts'

/**
 * Whether a host's allow list has this name or IP address (protocol section 5.6, rule 2). Unlike in an intercept,
 * `*.x.y` allows `x.y` too, and `*` allows every name, but no address.
 */
export function allowsAddress(patterns: readonly AddressPattern[], hostOrIp: string): boolean {
  const target = matchTarget(hostOrIp)
  return patterns.some((pattern) => allows(pattern, target))
}

function allows(pattern: AddressPattern, target: MatchTarget): boolean {
  if (matchAddress(pattern, target) !== undefined) return true
  return pattern.kind === 'wildcard' && 'name' in target && target.name !== '' && target.name === pattern.suffix.slice(1)
}
