import { contains, parsePrefix, type Family, type Prefix } from '@tunnel/flow'

/** What interception must know of the host, at one moment. */
export interface HostAddresses {
  /** Addresses of the host's interfaces. */
  readonly own: readonly string[]
  readonly ipv6: boolean
  /** Source address of the routes that we make: as whom clients on this host are known. */
  readonly source: Readonly<Record<Family, string>>
}

/** No packet to these is ever ours: this host, loopback, link-local IPv6, multicast, broadcast (RFC 6890, RFC 4291). */
const neverTaken = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255', '::', '::1', 'fe80::/10', 'ff00::/8'].flatMap(
  (text) => parsePrefix(text) ?? [],
)

/** The addresses that make this host different from others. */
export function ownPrefixes({ own }: HostAddresses): Prefix[] {
  const prefixes = [...new Set(own)].flatMap((text) => parsePrefix(text) ?? [])
  return prefixes.filter((address) => !neverTaken.some((range) => contains(range, address)))
}

/** Addresses that no service can have, whatever its ranges say. */
export function holesOf(own: readonly Prefix[]): Prefix[] {
  return [...neverTaken, ...own]
}
