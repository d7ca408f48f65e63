import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'

/** The address of a network interface by its name; undefined when there is no such interface or it has none. */
export type LookupInterface = (name: string) => string | undefined

/** `binding` of `proxy.v1` (protocol section 6.6): an IP address stays as it is, an interface name becomes its address. */
export function resolveBindAddress(binding: string, lookup: LookupInterface): string | undefined {
  return isIP(binding) === 0 ? lookup(binding) : binding
}

/** IPv4 first; IPv6 link-local addresses mean nothing without a zone and are left out. */
export const lookupHostInterface: LookupInterface = (name) => {
  const addresses = networkInterfaces()[name] ?? []
  const usable = addresses.filter(({ family, address }) => family === 'IPv4' || !address.startsWith('fe80:'))
  return (usable.find(({ family }) => family === 'IPv4') ?? usable[0])?.address
}
