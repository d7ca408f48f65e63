import type { Claim } from '@tunnel/core/contracts'
import { ownMark, ownMask, type IptablesRule, type MarkTarget, type TproxyTarget } from '@tunnel/linux'
import { overlaps, parsePrefix, type Family, type Prefix } from '@tunnel/flow'
import { mayMeetReplies } from '../wanted/claim-wishes.ts'
import type { Numbers } from '../wanted/numbers.ts'
import type { FirewallTarget, ListenerPorts } from './firewall.ts'

/** What each chain begins with: packets of tunnelers are never intercepted. */
export const ownTrafficRule: IptablesRule = { mark: { value: ownMark, mask: ownMask }, target: 'RETURN' }

/**
 * Our routes bring a destination here with all its ports. To those that nobody intercepts the kernel itself has no answer: it sends
 * no reset from an IPv4 address that is not in the table `local` (ip_route_output_key, 6.18), so clients would wait for minutes.
 */
export const refusalRules: readonly IptablesRule[] = [
  ownTrafficRule,
  { transparentSocket: true, target: 'RETURN' },
  { protocol: 'tcp', mark: { value: 0, mask: ~ownMask >>> 0 }, destinationType: 'UNICAST', target: { reject: 'tcp-reset' } },
]

export interface ChainRules {
  /** Before all others. */
  readonly returns: readonly IptablesRule[]
  readonly intercepts: readonly IptablesRule[]
}

/** The chain of the hook PREROUTING, where packets come to our sockets. */
export function interceptRules(target: FirewallTarget, family: Family, numbers: Numbers, ports: ListenerPorts): ChainRules {
  const port = family === 4 ? ports.v4 : ports.v6
  if (port === undefined) return noRules
  return rulesOf(target, family, { address: family === 4 ? '127.0.0.1' : '::1', port, mark: numbers.mark, mask: numbers.mark })
}

/** The chain of OUTPUT: what this host sends gets the mark, by which the kernel routes it anew, to `lo` and PREROUTING. */
export function outputRules(target: FirewallTarget, family: Family, numbers: Numbers, ports: ListenerPorts): ChainRules {
  if (family === 6 && ports.v6 === undefined) return noRules
  return rulesOf(target, family, { setMark: { value: numbers.mark, mask: numbers.mark } })
}

const noRules: ChainRules = { returns: [], intercepts: [] }

function rulesOf({ claims, own, lingering }: FirewallTarget, family: Family, target: MarkTarget | TproxyTarget): ChainRules {
  const mine = [...claims.values()].filter(({ to }) => to.family === family)
  const flows = lingering.filter((flow) => flow.family === family)
  return {
    returns: [...(mayMeetReplies(mine) ? [replyRule] : []), ...ownAddressRules(mine, own)],
    intercepts: [
      ...mine.flatMap((claim) => claimRules(claim, target)),
      ...flows.map(({ protocol, from, to }): IptablesRule => ({
        comment: 'open flow',
        source: withLength(from.address),
        sourcePort: from.port,
        destination: withLength(to.address),
        protocol,
        destinationPorts: { low: to.port, high: to.port },
        target,
      })),
    ],
  }
}

/** A server of this host may have a client within an intercepted range. */
const replyRule: IptablesRule = { reply: true, target: 'RETURN' }

/** One for each address of this host that lies within a claim: what is for the host itself stays its own. */
function ownAddressRules(claims: readonly Claim[], own: readonly Prefix[]): IptablesRule[] {
  const inside = own.filter((address) => claims.some(({ to }) => overlaps(to, address)))
  return inside.map((address) => ({ destination: address.cidr, target: 'RETURN' }))
}

/** The rules of one claim as the original makes them, one for each source that is allowed. */
function claimRules({ service, to, protocol, ports, sources }: Claim, target: MarkTarget | TproxyTarget): IptablesRule[] {
  const rule: IptablesRule = { comment: service, destination: to.cidr, protocol, destinationPorts: ports, target }
  return sources ? sources.map((source) => ({ ...rule, source: source.cidr })) : [rule]
}

function withLength(address: string): string {
  return parsePrefix(address)?.cidr ?? address
}
