import type { Clock, Log, UdpIdle } from '@tunnel/flow'
import type { HostState } from '@tunnel/linux'
import type { FirewallForm } from './wanted/routing.ts'

export interface TproxyInterceptorOptions {
  /** Where changes of the host are journalled, made and undone. It must outlive the interceptor. */
  readonly host: HostState
  /** Which instance of this host it is (`claimSlot`): says the names of tables and chains, and the mark. */
  readonly slot: number
  /** Addresses or ranges that a name of a service (`web.ziti`, `*.ziti`) has been given. None: it cannot be intercepted. */
  readonly addressesOf?: (name: string) => readonly string[]
  /** Ranges that names have their addresses from. What is not intercepted there is refused on this host. */
  readonly poolRanges?: readonly string[]
  /** `auto`, the default, is nftables where it works, else iptables. */
  readonly firewall?: FirewallForm | 'auto'
  /** Interfaces of neighbours that may use this host as their way to services. */
  readonly lanInterfaces?: readonly string[]
  /** Of the listeners on loopback; chosen by the kernel by default. */
  readonly bindPort?: number
  /** After how much silence a UDP session to a port ends. Default 5 s for port 53, else 5 minutes. */
  readonly udpIdle?: UdpIdle
  /** Datagrams that wait in each session until it is accepted; more are dropped. Default 16. */
  readonly udpQueue?: number
  /** UDP sessions; for one more, the longest idle ends. Default 4096. */
  readonly udpSessions?: number
  readonly log?: Log
  readonly clock?: Clock
}
