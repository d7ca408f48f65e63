import type { Claim } from '@tunnel/core/contracts'
import type { Wish } from '../boxes/disjoint.ts'

const remembered = new WeakMap<Claim, readonly Wish[]>()

/** The same objects each time for the same claim. */
export function wishesOf(claim: Claim): readonly Wish[] {
  let wishes = remembered.get(claim)
  if (wishes) return wishes
  const { to, protocol, ports, sources } = claim
  wishes = sources ? sources.map((from) => ({ to, protocol, ports, from })) : [{ to, protocol, ports }]
  remembered.set(claim, wishes)
  return wishes
}

/** Programs take ports from here up for their own ends of connections (ip_local_port_range never begins below). */
const firstClientPort = 1024

/** Whether replies of a server of this host may go to what is intercepted. Addresses of names are nobody's: no client has one. */
export function mayMeetReplies(claims: Iterable<Claim>): boolean {
  for (const { named, ports } of claims) if (!named && ports.high >= firstClientPort) return true
  return false
}
