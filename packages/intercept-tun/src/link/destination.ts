import { contains, type Prefix } from '../address/prefix.ts'
import type { Claim } from '../wanted/claim.ts'

/** What is routed into the link. */
export interface Destination {
  readonly prefix: Prefix
  /** A literal IPv4 address, which the link shows as its peer. (An IPv6 address has one peer at most.) */
  readonly peer: boolean
}

/** By their CIDR: a literal address each for itself, a range each, and for names one for the whole range that they come from. */
export function destinationsOf(claims: Iterable<Claim>, pools: readonly Prefix[]): Map<string, Destination> {
  const destinations = new Map<string, Destination>()
  for (const { to, named } of claims) {
    const prefix = (named && pools.find((pool) => contains(pool, to))) || to
    const peer = !named && to.family === 4 && to.low === to.high
    if (peer || !destinations.has(prefix.cidr)) destinations.set(prefix.cidr, { prefix, peer })
  }
  return destinations
}
