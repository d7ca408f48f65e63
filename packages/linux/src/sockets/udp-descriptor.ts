import { formatEndpoint, type Endpoint } from '@tunnel/flow'
import { checked } from '../ffi/call-error.ts'
import {
  AF_INET,
  AF_INET6,
  IPV6_RECVORIGDSTADDR,
  IPV6_TRANSPARENT,
  IPV6_V6ONLY,
  IP_RECVORIGDSTADDR,
  IP_TRANSPARENT,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SO_MARK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
} from '../ffi/constants.ts'
import { openDescriptor, preparing, setOption, trySetOption } from '../ffi/descriptor.ts'
import { libc } from '../ffi/libc.ts'
import { requireSocketAddress } from './socket-address.ts'

export interface UdpSocketOptions {
  /** IP address of this host, `0.0.0.0` or `::`; any address with `transparent`. An IPv6 socket takes IPv6 only. */
  readonly address: string
  /** Chosen by the kernel by default. */
  readonly port?: number
  /** Receive what TPROXY sends here, and bind to addresses of others. Needs CAP_NET_ADMIN. */
  readonly transparent?: boolean
  /** Each datagram's `to` is where its sender sent it, before TPROXY. */
  readonly originalDestination?: boolean
  /** SO_MARK of every packet that leaves. Needs CAP_NET_ADMIN. */
  readonly mark?: number
  readonly reuseAddress?: boolean
  /** Only this peer is heard, and answers by ICMP are told. */
  readonly connectTo?: Endpoint
  /** Of the kernel's queue: 4 MiB by default, cut to the system's limit without CAP_NET_ADMIN. */
  readonly receiveBufferBytes?: number
}

/** Room for 60 of the largest datagrams, or some thousand small ones, while the program does something else. */
const defaultReceiveBufferBytes = 4 << 20
const sendBufferBytes = 1 << 20

/** A bound UDP socket as a bare descriptor, which is then the caller's: for `dgram.createSocket('udp4').bind({ fd })`. */
export function openUdpDescriptor(options: UdpSocketOptions): number {
  const { address, port = 0, connectTo } = options
  const doing = `open a UDP socket on ${formatEndpoint({ address, port })}`
  const local = requireSocketAddress({ address, port })
  const domain = local.length === 16 ? AF_INET : AF_INET6
  return preparing(openDescriptor(domain, SOCK_DGRAM | SOCK_NONBLOCK, 0, doing), (fd) => {
    prepareUdp(fd, domain, options, doing)
    checked(libc().bind(fd, local, local.length), 'bind', doing)
    if (!connectTo) return fd
    const remote = requireSocketAddress(connectTo)
    checked(libc().connect(fd, remote, remote.length), 'connect', `${doing} to ${formatEndpoint(connectTo)}`)
    return fd
  })
}

function prepareUdp(fd: number, domain: number, options: UdpSocketOptions, doing: string): void {
  const ipv6 = domain === AF_INET6
  if (ipv6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1, doing)
  if (options.reuseAddress) setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, doing)
  if (options.transparent) setTransparent(fd, domain, doing)
  if (options.originalDestination && ipv6) setOption(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR, 1, doing)
  if (options.originalDestination && !ipv6) setOption(fd, SOL_IP, IP_RECVORIGDSTADDR, 1, doing)
  if (options.mark !== undefined) markDescriptor(fd, options.mark)
  growBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.receiveBufferBytes ?? defaultReceiveBufferBytes)
  growBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, sendBufferBytes)
}

function growBuffer(fd: number, force: number, plain: number, bytes: number): void {
  if (trySetOption(fd, SOL_SOCKET, force, bytes) !== 0) trySetOption(fd, SOL_SOCKET, plain, bytes)
}

export function setTransparent(fd: number, domain: number, doing: string): void {
  if (domain === AF_INET) setOption(fd, SOL_IP, IP_TRANSPARENT, 1, doing)
  else setOption(fd, SOL_IPV6, IPV6_TRANSPARENT, 1, doing)
}

/** Sets SO_MARK of any socket that the caller has a descriptor of. Throws `linux.permission` without CAP_NET_ADMIN. */
export function markDescriptor(fd: number, mark: number): void {
  setOption(fd, SOL_SOCKET, SO_MARK, mark, 'mark a socket')
}
