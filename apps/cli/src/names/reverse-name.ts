import { isIPv4 } from 'node:net'
import { parseIpAddress } from '@tunnel/config'

/** The name under which DNS keeps the name of an address: `1.2.0.192.in-addr.arpa` (RFC 1035 3.5, RFC 3596 2.5). */
export function reverseName(address: string): string {
  if (isIPv4(address)) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  const digits = (parseIpAddress(address)?.value ?? 0n).toString(16).padStart(32, '0')
  return `${[...digits].reverse().join('.')}.ip6.arpa`
}
