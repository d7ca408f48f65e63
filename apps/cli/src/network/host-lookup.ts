import { lookup as systemLookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** All addresses of a host, the best first. Rejects when it has none. */
export type HostLookup = (hostname: string) => Promise<readonly string[]>

export interface HostLookupOptions {
  /** By the nameservers that were there before us; absent: there were none. */
  readonly stub?: (hostname: string) => Promise<readonly string[]>
  /** An address that our own DNS server gives out: it leads into the tunnel, not to the host. */
  readonly isSynthetic: (address: string) => boolean
}

/**
 * How controllers, routers and hosted servers are found: by the nameservers of before, so that neither a name that is tunnelled
 * nor a DNS server of ours that is not up can stand between us and the network. What only this host's own
 * means know (search domains, mDNS) comes from these.
 */
export function createHostLookup({ stub, isSynthetic }: HostLookupOptions): HostLookup {
  const bySystem: HostLookup = async (hostname) => (await systemLookup(hostname, { all: true })).map(({ address }) => address)
  return async (hostname) => {
    if (isIP(hostname) !== 0) return [hostname]
    const found = await stub?.(hostname).catch(() => [])
    if (found !== undefined && found.length > 0) return found
    const real = (await bySystem(hostname)).filter((address) => !isSynthetic(address))
    if (real.length > 0) return real
    throw Object.assign(new Error(`${hostname} has no address outside the tunnel`), { code: 'ENOTFOUND' })
  }
}
