import { contains, parsePrefix, type Prefix } from '@tunnel/flow'

/** No packet to these is ever intercepted: this host, loopback, link-local IPv6, multicast, broadcast (RFC 6890, RFC 4291). */
const neverTaken = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255', '::', '::1', 'fe80::/10', 'ff00::/8'].flatMap(
  (text) => parsePrefix(text) ?? [],
)

/** Of the addresses of a host's links those that make it different from others. */
export function ownPrefixes(addresses: readonly string[]): Prefix[] {
  const prefixes = [...new Set(addresses)].flatMap((text) => parsePrefix(text) ?? [])
  return prefixes.filter((address) => !neverTaken.some((range) => contains(range, address)))
}

/** Addresses that no service can have on a host with these, whatever its ranges say. */
export function holesOf(own: readonly Prefix[]): Prefix[] {
  return [...neverTaken, ...own]
}
