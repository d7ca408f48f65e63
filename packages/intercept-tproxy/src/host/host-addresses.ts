import type { Family } from '@tunnel/flow'

/** What interception must know of the host, at one moment. */
export interface HostAddresses {
  /** Addresses of the host's interfaces. */
  readonly own: readonly string[]
  readonly ipv6: boolean
  /** Source address of the routes that we make: as whom clients on this host are known. */
  readonly source: Readonly<Record<Family, string>>
}
