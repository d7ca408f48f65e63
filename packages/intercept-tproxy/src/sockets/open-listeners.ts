import { isCodedError } from '@tunnel/flow'
import { openTransparentListener, openUdpSocket, ownMark, type BatchedUdpSocket, type TransparentListener } from '@tunnel/linux'
import type { ListenerPorts } from '../firewall/firewall.ts'

export interface Listeners {
  readonly ports: ListenerPorts
  readonly tcp: readonly TransparentListener[]
  readonly udp: readonly BatchedUdpSocket[]
}

/** Ports are tried so often until one is free for TCP and UDP, and then for IPv6 too. */
const attempts = 16

/**
 * One TCP listener and one UDP socket on loopback for each family, all on one port. Throws what the system says: `linux.permission`
 * without CAP_NET_ADMIN, `linux.exists` when `port` is taken. A host without IPv6 has none there.
 */
export function openListeners(port: number | undefined, wantIpv6: boolean): Listeners {
  for (let attempt = 1; ; attempt++) {
    const last = port !== undefined || attempt === attempts
    const pairs: Pair[] = []
    try {
      const v4 = openPair('127.0.0.1', port ?? 0)
      pairs.push(v4)
      const v6 = wantIpv6 ? openIpv6(v4.tcp.port) : undefined
      if (v6) pairs.push(v6)
      return { ports: { v4: v4.tcp.port, v6: v6?.tcp.port }, tcp: pairs.map(({ tcp }) => tcp), udp: pairs.map(({ udp }) => udp) }
    } catch (error) {
      for (const { tcp, udp } of pairs) {
        tcp.close()
        udp.close()
      }
      if (last || !isCodedError(error, 'linux.exists')) throw error
    }
  }
}

interface Pair {
  readonly tcp: TransparentListener
  readonly udp: BatchedUdpSocket
}

function openPair(address: string, port: number): Pair {
  const tcp = openTransparentListener({ address, port, mark: ownMark })
  try {
    const udp = openUdpSocket({ address, port: tcp.port, transparent: true, originalDestination: true, mark: ownMark })
    return { tcp, udp }
  } catch (error) {
    tcp.close()
    throw error
  }
}

/** `undefined` where IPv6 is not built in, or is turned off on `lo`. */
function openIpv6(port: number): Pair | undefined {
  try {
    return openPair('::1', port)
  } catch (error) {
    if (isCodedError(error, 'linux.exists') || isCodedError(error, 'linux.permission')) throw error
    return undefined
  }
}
