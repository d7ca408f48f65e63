import { linkAddress } from '../resolver/wanted-resolver.ts'
import type { InterceptOptions } from '../options/intercept-options.ts'

/** What a command with a network of its own sees of it. */
export interface InsideAddresses {
  readonly v4: string
  readonly v6: string
  /** Of the DNS server, which answers inside the tunnel. */
  readonly dns: string
}

/** A unique local address (RFC 4193) beside the range of names. */
const v6 = 'fd7a:6974:6901::1'

/** The first two of the range that names have their addresses of: they are given to no name. */
export function insideAddresses({ ip4Range }: Pick<InterceptOptions, 'ip4Range'>): InsideAddresses {
  return { v4: linkAddress(ip4Range, 0), v6, dns: linkAddress(ip4Range, 1) }
}
