import type { Clock, Log, Milliseconds } from '@tunnel/flow'
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
  readonly udpIdle?: Milliseconds | ((port: number) => Milliseconds)
  /** Datagrams that wait in each session until it is accepted; more are dropped. Default 16. */
  readonly udpQueue?: number
  /** UDP sessions; datagrams of further clients are dropped. Default 4096. */
  readonly udpSessions?: number
  readonly log?: Log
  readonly clock?: Clock
}

const minutes = 60_000
const dnsPort = 53
const dnsIdle: Milliseconds = 5_000

export function idleByPort(idle: TproxyInterceptorOptions['udpIdle']): (port: number) => Milliseconds {
  if (typeof idle === 'function') return idle
  const others = idle ?? 5 * minutes
  return (port) => (port === dnsPort ? Math.min(dnsIdle, others) : others)
}
