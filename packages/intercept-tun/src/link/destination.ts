import type { Claim } from '@tunnel/core/contracts'
import { contains, type Prefix } from '@tunnel/flow'

/** What is routed into the link. */
export interface Destination {
  readonly prefix: Prefix
  /** An IPv4 address that stands for itself, which the link shows as its peer. (An IPv6 address has one peer at most.) */
  readonly peer: boolean
}

/** By their CIDR: an address each for itself, a range each, and for names whose addresses come from a range of ours one for all of it. */
export function destinationsOf(claims: Iterable<Claim>, pools: readonly Prefix[]): Map<string, Destination> {
  const destinations = new Map<string, Destination>()
  for (const { to, named } of claims) {
    const pool = named ? pools.find((range) => contains(range, to)) : undefined
    const prefix = pool ?? to
    const peer = pool === undefined && to.family === 4 && to.low === to.high
    if (peer || !destinations.has(prefix.cidr)) destinations.set(prefix.cidr, { prefix, peer })
  }
  return destinations
}
