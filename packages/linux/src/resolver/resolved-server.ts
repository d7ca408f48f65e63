import { isIPv6 } from 'node:net'
import { parseAddress } from '../netlink/ip-address.ts'
import { resolverError } from './resolver-error.ts'

/** `1.2.3.4`, `1.2.3.4:5353`, `fd00::1` or `[fd00::1]:5353`, in the numbers of the D-Bus interface (AF_INET 2, AF_INET6 10; port 0 is 53). */
export function parseEndpoint(server: string): { family: 2 | 10; bytes: readonly number[]; port: number } {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(server) ?? []
  const address = bracketed ?? plain ?? server
  const bytes = parseAddress(address)
  if (!bytes) throw resolverError('resolver.unsupported', `'${server}' is no IP address with a port: systemd-resolved cannot ask there`)
  return { family: isIPv6(address) ? 10 : 2, bytes: [...bytes], port: Number(port ?? 0) }
}
