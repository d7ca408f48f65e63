import type { Claim } from '@tunnel/core/contracts'
import type { Endpoint, Protocol } from '@tunnel/flow'
import { contains, parsePrefix, type Prefix } from '@tunnel/flow'

export interface Ends {
  readonly protocol: Protocol
  readonly from: Endpoint
  readonly to: Endpoint
}

/** `wanted`: a service has it. `prohibited`: one has it, but not for this source. `unknown`: none. */
export type Answer = 'wanted' | 'prohibited' | 'unknown'

/** Finds out who has claimed a destination: those of single addresses by the address, the others one by one. */
export class ClaimFinder {
  readonly #single = new Map<string, Claim[]>()
  readonly #ranges: Claim[] = []

  constructor(claims: Iterable<Claim>) {
    for (const claim of claims) {
      const { low, high, cidr } = claim.to
      const present = this.#single.get(cidr)
      if (low !== high) this.#ranges.push(claim)
      else if (present) present.push(claim)
      else this.#single.set(cidr, [claim])
    }
  }

  find({ protocol, from, to }: Ends): Answer {
    const address = parsePrefix(to.address)
    if (!address) return 'unknown'
    const claims = [...(this.#single.get(address.cidr) ?? []), ...this.#ranges.filter((claim) => contains(claim.to, address))]
    const fitting = claims.filter(({ protocol: other, ports }) => other === protocol && ports.low <= to.port && to.port <= ports.high)
    if (fitting.length === 0) return 'unknown'
    return fitting.some(({ sources }) => isAllowed(from, sources)) ? 'wanted' : 'prohibited'
  }
}

function isAllowed({ address }: Endpoint, sources: readonly Prefix[] | undefined): boolean {
  if (!sources) return true
  const source = parsePrefix(address)
  return source !== undefined && sources.some((range) => contains(range, source))
}
