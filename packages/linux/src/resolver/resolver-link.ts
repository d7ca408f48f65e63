import { isIPv6 } from 'node:net'
import { openRouteControl, type RouteControl } from '../netlink/route-control.ts'
import { openTunLink } from '../tun/tun-link.ts'

/** A link that carries no packets: it is there for systemd-resolved to hang our DNS servers on, and it ends with this process. */
export interface ResolverLink {
  readonly name: string
  /** This host's own; a DNS server can listen on it. */
  readonly address: string
  close(): void
}

export interface ResolverLinkOptions {
  readonly name: string
  /** One that nothing else has, such as the first of the synthetic range: IPv4 or IPv6, alone in its prefix. */
  readonly address: string
}

/**
 * Opens a TUN link that is up and has one address, as systemd-resolved wants it: it asks no server of a link that is
 * down or has no address of global scope. Throws `linux.exists`, `linux.permission`, and `linux.missing` without
 * /dev/net/tun.
 */
export function openResolverLink({ name, address }: ResolverLinkOptions): ResolverLink {
  const routes = openRouteControl()
  try {
    return openWith(routes, name, address)
  } finally {
    routes.close()
  }
}

function openWith(routes: RouteControl, name: string, address: string): ResolverLink {
  const link = openTunLink({ name })
  try {
    const family = isIPv6(address) ? 6 : 4
    routes.addAddress({ family, address, prefixLength: family === 6 ? 128 : 32, device: link.name })
    routes.setLink(link.name, { up: true })
    return { name: link.name, address, close: () => link.close() }
  } catch (error) {
    link.close()
    throw error
  }
}

/** `ziti-dns` for the first tunneler of a host, `ziti-dns-2` for the second. */
export const resolverLinkName = (slot: number): string => (slot === 0 ? 'ziti-dns' : `ziti-dns-${slot + 1}`)
