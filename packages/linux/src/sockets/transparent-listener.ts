import { formatEndpoint } from '@tunnel/flow'
import { checked } from '../ffi/call-error.ts'
import { AF_INET, AF_INET6, IPV6_V6ONLY, SOCK_NONBLOCK, SOCK_STREAM, SOL_IPV6, SOL_SOCKET, SO_REUSEADDR } from '../ffi/constants.ts'
import { openDescriptor, preparing, setOption } from '../ffi/descriptor.ts'
import { libc } from '../ffi/libc.ts'
import { localEndpoint, requireSocketAddress } from './socket-address.ts'
import { markDescriptor, setTransparent } from './udp-descriptor.ts'

export interface TransparentListenerOptions {
  /** Where TPROXY sends to: `127.0.0.1`, `::1`, or an unspecified address. IPv6 takes IPv6 only. */
  readonly address: string
  /** Chosen by the kernel by default. */
  readonly port?: number
  /** SO_MARK, which accepted sockets inherit. */
  readonly mark?: number
  readonly backlog?: number
}

export interface TransparentListener {
  /** For `net.createServer().listen({ fd })`, which owns it from then on: close the server then, and not this. */
  readonly fd: number
  readonly port: number
  /** Only while no server has the descriptor. */
  close(): void
}

const defaultBacklog = 4096

/**
 * A TCP listener for what TPROXY redirects: the local address and port of an accepted socket are those that its client wanted.
 * Needs CAP_NET_ADMIN (`linux.permission`).
 */
export function openTransparentListener(options: TransparentListenerOptions): TransparentListener {
  const { address, port = 0, mark, backlog = defaultBacklog } = options
  const doing = `open a transparent listener on ${formatEndpoint({ address, port })}`
  const local = requireSocketAddress({ address, port })
  const domain = local.length === 16 ? AF_INET : AF_INET6
  return preparing(openDescriptor(domain, SOCK_STREAM | SOCK_NONBLOCK, 0, doing), (fd) => {
    if (domain === AF_INET6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1, doing)
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, doing)
    setTransparent(fd, domain, doing)
    if (mark !== undefined) markDescriptor(fd, mark)
    checked(libc().bind(fd, local, local.length), 'bind', doing)
    checked(libc().listen(fd, backlog), 'listen', doing)
    let closed = false
    const close = (): void => {
      if (!closed) libc().close(fd)
      closed = true
    }
    return { fd, port: localEndpoint(fd, doing).port, close }
  })
}
