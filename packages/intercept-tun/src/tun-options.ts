import type { Clock, Log, PacketDevice, UdpIdle } from '@tunnel/flow'
import type { HostState, TunOffloads } from '@tunnel/linux'

export interface TunInterceptorOptions {
  /** Where the rules that lead to our routes are journalled, made and undone. It must outlive the interceptor. */
  readonly host: HostState
  /** Which instance of this host it is (`claimSlot`): says the numbers of the table and of the rule. */
  readonly slot: number
  /** Of the link. May hold one `%d`, for the first free number. Default `tun%d`. */
  readonly name?: string
  /** Default 65535. */
  readonly mtu?: number
  readonly offloads?: TunOffloads
  /**
   * The link's own addresses: programs of this host are known by them. Default 169.254.1.1 and fd7a:6974:6900::1. `peer` is shown beside the IPv4 one and
   * leads nowhere by itself: others on this host see that the range that it is out of is in use.
   */
  readonly addresses?: { readonly v4: string; readonly v6: string; readonly peer?: string }
  /** Addresses or ranges that a name of a service (`web.ziti`, `*.ziti`) has been given. None: it cannot be intercepted. */
  readonly addressesOf?: (name: string) => readonly string[]
  /** Ranges that names have their addresses from: one route for each. What is not intercepted there is refused. */
  readonly poolRanges?: readonly string[]
  /** After how much silence a UDP session to a port ends. Default 5 s for port 53, else 5 minutes. */
  readonly udpIdle?: UdpIdle
  /** Datagrams that wait in each session until it is accepted; more are dropped. Default 16. */
  readonly udpQueue?: number
  /** UDP sessions; for one more, the longest idle ends. Default 4096. */
  readonly udpSessions?: number
  /** Put between the link and the stack: `withPcap`, `withTrace` or `withFaults` of `@tunnel/netstack`. Asked again when the link is made again. */
  readonly through?: (device: PacketDevice) => PacketDevice
  readonly log?: Log
  readonly clock?: Clock
}
