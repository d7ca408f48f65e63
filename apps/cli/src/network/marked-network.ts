import type { Socket as DatagramSocket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { isIPv6 } from 'node:net'
import type { HostDialer, OwnSockets, SocketTarget } from '@tunnel/core'
import { createSocketDialer } from '@tunnel/core'
import type { UpstreamTransports } from '@tunnel/dns'
import type { NetworkPath } from '@tunnel/edge'
import type { Endpoint } from '@tunnel/flow'
import { connectFirst } from '@tunnel/flow/node'
import type { BatchedUdpSocket } from '@tunnel/linux'
import { connectMarked, openTcpDescriptor, openUdpDescriptor, openUdpSocket, ownMark } from '@tunnel/linux'
import type { HostLookup } from './host-lookup.ts'

/** Everything that leaves this host on behalf of the tunneler: marked, so that interception leaves it alone. */
export interface MarkedNetwork {
  /** For overlays. */
  readonly connect: NonNullable<NetworkPath['connect']>
  /** For their channels, by which all data go. */
  readonly sockets: NonNullable<NetworkPath['sockets']>
  /** For hosted services. */
  readonly hostDialer: HostDialer
}

export function createMarkedNetwork(lookup: HostLookup): MarkedNetwork {
  const connect = async ({ address, port, source }: SocketTarget, signal: AbortSignal): Promise<Socket> => {
    const local = { ...(source && { localAddress: source.address }), ...(source?.port !== undefined && { localPort: source.port }) }
    const addresses = await lookup(address)
    return connectFirst(addresses, (host, attempt) => connectMarked({ host, port, mark: ownMark, signal: attempt, ...local }), signal)
  }
  const own: OwnSockets = {
    connectTcp: connect,
    openUdp: openMarkedUdp,
    async lookup(name) {
      const [address = name] = await lookup(name)
      return { address, family: isIPv6(address) ? 6 : 4 }
    },
  }
  return {
    sockets: { resolve: lookup, open: openMarkedTcp },
    async connect({ host, port }, signal) {
      const socket = await connect({ address: host, port }, signal)
      return socket.setNoDelay(true)
    },
    hostDialer: createSocketDialer(own),
  }
}

export const openMarkedTcp = (family: 4 | 6): number => openTcpDescriptor({ family, mark: ownMark })

async function openMarkedUdp(family: 4 | 6, source: SocketTarget['source']): Promise<DatagramSocket> {
  const { address = family === 6 ? '::' : '0.0.0.0', port = 0 } = source ?? {}
  const socket = createSocket(`udp${family}`)
  const bound = once(socket, 'listening')
  socket.bind({ fd: openUdpDescriptor({ address, port, mark: ownMark }) })
  await bound
  return socket
}

/** The socket of a DNS server of ours. */
export function openMarkedDatagrams({ address, port }: Endpoint): BatchedUdpSocket {
  return openUdpSocket({ address, port, mark: ownMark })
}

/** How DNS servers of others are asked. */
export const markedQuestions: Pick<UpstreamTransports, 'openUdp' | 'connectTcp'> = {
  openUdp({ address, port }, to, failed) {
    const socket = openUdpSocket({ address, port, mark: ownMark, connectTo: to })
    return {
      local: socket.local,
      start: (receive) => socket.start(receive, (errno) => failed(new Error(errno))),
      send: (data) => socket.send(data),
      close: () => socket.close(),
    }
  },
  connectTcp: ({ address, port }, { signal }) => connectMarked({ host: address, port, mark: ownMark, signal }),
}
