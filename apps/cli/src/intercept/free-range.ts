import { contains, parsePrefix } from '@tunnel/flow'
import type { LinkAddress } from '@tunnel/linux'
import { openRouteControl, resolverLinkName, slotCount } from '@tunnel/linux'
import { defaultIp4Range, defaultIp6Range, otherIp4Ranges, otherIp6Ranges } from '../options/address-range.ts'
import type { InterceptOptions } from '../options/intercept-options.ts'
import type { Session } from '../session.ts'

type Addresses = readonly Pick<LinkAddress, 'address' | 'prefixLength' | 'device' | 'peer'>[]

/** A range for names of which somebody else on this host has a part. */
interface Collision {
  /** Who has what, for people. */
  readonly found: string
  readonly option: string
  /** Taken instead, where nobody has asked for this very one and another is free. */
  readonly other: string | undefined
}

/**
 * The session with ranges for names of which nobody else on this host has a part. Other tunnelers (on `lo`, or a TUN link of theirs), Tailscale and
 * carriers have addresses in the default ones; what is intercepted there, or refused, is lost to them. Ranges of the command line stay, with a warning.
 */
export function withFreeRange(session: Session, addresses: Addresses = addressesOfHost()): Session {
  const { options, log } = session
  const { intercept } = options
  if (intercept.assignment === 'original') return session
  const { v4, v6 } = collisionsOf(intercept, addresses)
  const collisions = [v4, v6].filter((each) => each !== undefined)
  for (const { found, option, other } of collisions) {
    if (other === undefined) log('warn', source, `${found}: who is reached there may be so no more. ${option} chooses another`)
  }
  const moved = collisions.flatMap(({ found, option, other }) => (other === undefined ? [] : [{ found, option, network: networkOf(other) }]))
  if (moved.length === 0) return session
  const all = (part: 'option' | 'network'): string => moved.map((each) => each[part]).join(' and ')
  const choice = `${all('option')} ${moved.length > 1 ? 'choose others' : 'chooses another'}`
  log('warn', source, `${moved.map(({ found }) => found).join('; ')}: names have addresses of ${all('network')} instead. ${choice}`)
  const ranges = { ip4Range: v4?.other ?? intercept.ip4Range, ip6Range: v6?.other ?? intercept.ip6Range }
  return { ...session, options: { ...options, intercept: { ...intercept, ...ranges } } }
}

const source = 'ziti-tunnel/names.range'

type Ranges = Pick<InterceptOptions, 'ip4Range' | 'ip4RangeGiven' | 'ip6Range' | 'ip6RangeGiven'>

function collisionsOf({ ip4Range, ip4RangeGiven, ip6Range, ip6RangeGiven }: Ranges, addresses: Addresses): { v4?: Collision | undefined; v6?: Collision | undefined } {
  const collision = (range: string, option: string, usable: readonly string[]): Collision | undefined => {
    const user = userOf(range, addresses)
    if (user === undefined) return undefined
    const found = `${user.device} has ${user.address}/${user.prefixLength} in the range of names, ${networkOf(range)}`
    return { found, option, other: usable.find((each) => userOf(each, addresses) === undefined) }
  }
  return {
    v4: collision(ip4Range, '--dnsSvcIpRange', ip4RangeGiven ? [] : [defaultIp4Range, ...otherIp4Ranges]),
    v6: ip6Range === undefined ? undefined : collision(ip6Range, '--dnsSvcIp6Range', ip6RangeGiven ? [] : [defaultIp6Range, ...otherIp6Ranges]),
  }
}

/** Links that carry the settings of tunnelers of ours, which share a range. */
const ownLinks: ReadonlySet<string> = new Set(Array.from({ length: slotCount }, (_, slot) => resolverLinkName(slot)))

function userOf(range: string, addresses: Addresses): Addresses[number] | undefined {
  const outer = parsePrefix(range)
  const isInside = (address: string): boolean => {
    const inner = parsePrefix(address)
    return outer !== undefined && inner !== undefined && contains(outer, inner)
  }
  // A `tun` shows its IPv6 range by the address of its link, that of IPv4 by a peer.
  const found = addresses.find(({ address, peer = address, device }) => !ownLinks.has(device) && (isInside(address) || isInside(peer)))
  return found && (isInside(found.address) ? found : { ...found, address: found.peer ?? found.address })
}

const networkOf = (range: string): string => parsePrefix(range)?.cidr ?? range

function addressesOfHost(): Addresses {
  const control = openRouteControl()
  try {
    return control.addresses()
  } finally {
    control.close()
  }
}
