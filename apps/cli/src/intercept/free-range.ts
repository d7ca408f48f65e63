import { contains, parsePrefix } from '@tunnel/flow'
import type { LinkAddress } from '@tunnel/linux'
import { openRouteControl, resolverLinkName, slotCount } from '@tunnel/linux'
import { defaultIp4Range, otherIp4Range } from '../options/address-range.ts'
import type { Session } from '../session.ts'

type Addresses = readonly Pick<LinkAddress, 'address' | 'prefixLength' | 'device' | 'peer'>[]

/**
 * The session with a range for names of which nobody else on this host has a part. Other tunnelers (on `lo`, or a TUN link of theirs), Tailscale and
 * carriers have addresses in the default one; what is intercepted there, or refused, is lost to them. A range of the command line stays, with a warning.
 */
export function withFreeRange(session: Session, addresses: Addresses = addressesOfHost()): Session {
  const { options, log } = session
  const { ip4Range, ip4RangeGiven, assignment } = options.intercept
  const user = userOf(ip4Range, addresses)
  if (user === undefined || assignment === 'original') return session
  const found = `${user.device} has ${user.address}/${user.prefixLength} in the range of names, ${networkOf(ip4Range)}`
  const other = ip4RangeGiven ? undefined : [defaultIp4Range, otherIp4Range].find((range) => userOf(range, addresses) === undefined)
  if (other === undefined) {
    log('warn', source, `${found}: who is reached there may be so no more. --dnsSvcIpRange chooses another`)
    return session
  }
  log('warn', source, `${found}: names have addresses of ${networkOf(other)} instead. --dnsSvcIpRange chooses another`)
  return { ...session, options: { ...options, intercept: { ...options.intercept, ip4Range: other } } }
}

const source = 'ziti-tunnel/names.range'

/** Links that carry the settings of tunnelers of ours, which share a range. */
const ownLinks: ReadonlySet<string> = new Set(Array.from({ length: slotCount }, (_, slot) => resolverLinkName(slot)))

function userOf(range: string, addresses: Addresses): Addresses[number] | undefined {
  const outer = parsePrefix(range)
  const isInside = (address: string): boolean => {
    const inner = parsePrefix(address)
    return outer !== undefined && inner !== undefined && contains(outer, inner)
  }
  // A `tun` has the address of its DNS server, in its range, for a peer.
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
