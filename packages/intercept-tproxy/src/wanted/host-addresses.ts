import { contains, parsePrefix, type Family, type Prefix } from '../address/prefix.ts'

/** What interception must know of the host, at one moment. */
export interface HostAddresses {
  /** Addresses of the host's interfaces. */
  readonly own: readonly string[]
  readonly ipv6: boolean
  /** Source address of routes that we make: how clients on this host are known. */
  readonly source: Readonly<Record<Family, string>>
}

/** No packet to these is ever ours: this host, loopback, link-local IPv6, multicast, broadcast (RFC 6890, RFC 4291). */
const neverTaken = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255', '::', '::1', 'fe80::/10', 'ff00::/8']

/** Addresses that no service can have, whatever its ranges say. Own addresses within `neverTaken` are not repeated. */
export function holesOf({ own }: HostAddresses): Prefix[] {
  const never = prefixesOf(neverTaken)
  const ours = prefixesOf([...new Set(own)]).filter((address) => !never.some((range) => contains(range, address)))
  return [...never, ...ours]
}


function prefixesOf(texts: readonly string[]): Prefix[] {
  return texts.flatMap((text) => parsePrefix(text) ?? [])
}
