import { ownMark, type LinkAddress, type RouteControl } from '@tunnel/linux'
import type { Family } from '@tunnel/flow'
import type { HostAddresses } from './host-addresses.ts'

/** Any address of the internet: where the kernel would send it says which address this host shows to others. */
const faraway: Readonly<Record<Family, string>> = { 4: '192.88.99.1', 6: '2000::1' }
const loopback: Readonly<Record<Family, string>> = { 4: '127.0.0.1', 6: '::1' }
const globalScope = 0

/** `canIpv6`: whether we could serve it. Switched off (`disable_ipv6`) or on while we run, `lo` loses its address or gets it again. */
export function readHostAddresses(control: RouteControl, canIpv6: boolean): HostAddresses {
  const addresses = control.addresses()
  const ipv6 = canIpv6 && addresses.some(({ device, address }) => device === 'lo' && address === loopback[6])
  return {
    own: addresses.map(({ address }) => address),
    ipv6,
    source: { 4: sourceOf(control, addresses, 4), 6: sourceOf(control, addresses, 6) },
  }
}

/** The address of the way out; without one any that others could know; on an isolated host that of loopback. */
function sourceOf(control: RouteControl, addresses: readonly LinkAddress[], family: Family): string {
  // With the own mark our own routing tables are not asked.
  const way = control.routeTo(faraway[family], { mark: ownMark })
  const usable = addresses.filter((each) => each.family === family && isUsable(each))
  const chosen = usable.find(({ address }) => way?.type === 'unicast' && address === way.source)
  const shown = chosen ?? usable.find(({ scope = globalScope, device }) => scope === globalScope && device !== 'lo')
  return shown?.address ?? loopback[family]
}

/** For IPv6 routes to `lo` the kernel takes no source of a link alone, nor one that it still looks for elsewhere; when that is over we are told. */
function isUsable({ family, scope = globalScope, tentative }: LinkAddress): boolean {
  return !tentative && (family === 4 || scope === globalScope)
}
