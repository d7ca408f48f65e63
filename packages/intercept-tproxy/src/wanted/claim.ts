import { prefixOfPattern, type WantedIntercept } from '@tunnel/core/contracts'
import { formatEndpoint, formatPrefix, type Prefix, type Protocol } from '@tunnel/flow'
import type { Wish } from '../boxes/disjoint.ts'
import type { Interval } from '../boxes/intervals.ts'

/** One address of one service, with one protocol and one range of ports: what the original makes one rule of. */
export interface Claim {
  readonly service: string
  readonly to: Prefix
  /** By the name of a host or domain: the address is one that we gave it. */
  readonly named: boolean
  readonly protocol: Protocol
  readonly ports: Interval
  /** `allowedSourceAddresses` of the family of `to`: from everywhere when absent. */
  readonly sources?: readonly Prefix[]
}

/** For people, and equal for equal claims: `tcp 10.0.0.0/8:22-23 for service 'ssh'`. */
export function describeClaim({ service, to, protocol, ports, sources }: Claim): string {
  const from = sources ? ` from ${sources.map(formatPrefix).join(', ')}` : ''
  const range = ports.low === ports.high ? '' : `-${ports.high}`
  return `${protocol} ${formatEndpoint({ address: formatPrefix(to), port: ports.low })}${range}${from} for service '${service}'`
}

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

/** The claims of a service on one of its addresses; none when no source of that family may use it. */
export function claimsOf({ service, intercept }: WantedIntercept, to: Prefix, named: boolean): Claim[] {
  const sources = intercept.allowedSourceAddresses && sourcesOf(intercept.allowedSourceAddresses, to)
  if (sources?.length === 0) return []
  return intercept.protocols.flatMap((protocol) =>
    intercept.portRanges.map(({ low, high }) => ({ service: service.name, to, named, protocol, ports: { low, high }, ...(sources && { sources }) })),
  )
}

type Sources = NonNullable<WantedIntercept['intercept']['allowedSourceAddresses']>

function sourcesOf(patterns: Sources, { family }: Prefix): Prefix[] {
  return patterns.flatMap((pattern) => prefixOfPattern(pattern) ?? []).filter((source) => source.family === family)
}

/** Programs take ports from here up for their own ends of connections (ip_local_port_range never begins below). */
const firstClientPort = 1024

/** Whether replies of a server of this host may go to what is intercepted. Addresses of names are nobody's: no client has one. */
export function mayMeetReplies(claims: Iterable<Claim>): boolean {
  for (const { named, ports } of claims) if (!named && ports.high >= firstClientPort) return true
  return false
}
