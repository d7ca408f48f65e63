import { formatEndpoint, formatPrefix, type Prefix, type Protocol } from '@tunnel/flow'
import type { WantedIntercept } from './interceptor.ts'
import { prefixOfPattern } from './pattern-prefix.ts'

/** One address of one service, with one protocol and one range of ports. */
export interface Claim {
  readonly service: string
  readonly to: Prefix
  /** By the name of a host or domain: the address is one that we gave it. */
  readonly named: boolean
  readonly protocol: Protocol
  readonly ports: { readonly low: number; readonly high: number }
  /** `allowedSourceAddresses` of the family of `to`: from everywhere when absent. */
  readonly sources?: readonly Prefix[]
}

/** For people, and equal for equal claims: `tcp 10.0.0.0/8:22-23 for service 'ssh'`. */
export function describeClaim({ service, to, protocol, ports, sources }: Claim): string {
  const from = sources ? ` from ${sources.map(formatPrefix).join(', ')}` : ''
  const range = ports.low === ports.high ? '' : `-${ports.high}`
  return `${protocol} ${formatEndpoint({ address: formatPrefix(to), port: ports.low })}${range}${from} for service '${service}'`
}

/** The claims of a service on one of its addresses; none when no source of that family may use it. */
export function claimsOf({ service, intercept }: WantedIntercept, to: Prefix, named: boolean): Claim[] {
  const sources = intercept.allowedSourceAddresses?.flatMap((pattern) => prefixOfPattern(pattern) ?? []).filter(({ family }) => family === to.family)
  if (sources?.length === 0) return []
  return intercept.protocols.flatMap((protocol) =>
    intercept.portRanges.map(({ low, high }) => ({ service: service.name, to, named, protocol, ports: { low, high }, ...(sources && { sources }) })),
  )
}
