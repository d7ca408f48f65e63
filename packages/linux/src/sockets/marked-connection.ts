import { Socket, type SocketConstructorOpts } from 'node:net'
import { constants } from 'node:os'
import { formatEndpoint, systemClock, type Clock, type Milliseconds } from '@tunnel/flow'
import { checked, errnoName } from '../ffi/call-error.ts'
import {
  AF_INET,
  AF_INET6,
  IP_BIND_ADDRESS_NO_PORT,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IP,
  SOL_SOCKET,
  SO_ERROR,
} from '../ffi/constants.ts'
import { getOption, openDescriptor, preparing, trySetOption } from '../ffi/descriptor.ts'
import { errno, libc } from '../ffi/libc.ts'
import { pollDescriptor } from '../ffi/poll.ts'
import { requireSocketAddress } from './socket-address.ts'
import { markDescriptor, setTransparent } from './udp-descriptor.ts'

export interface MarkedConnectionOptions {
  /** IP address: names are looked up elsewhere. */
  readonly host: string
  readonly port: number
  /** SO_MARK, set before the first packet leaves. Needs CAP_NET_ADMIN. */
  readonly mark?: number
  readonly localAddress?: string
  readonly localPort?: number
  /** Lets `localAddress` be one of another host. Needs CAP_NET_ADMIN. */
  readonly transparent?: boolean
  /** Time allowed; the kernel's own (some two minutes) when absent. */
  readonly timeout?: Milliseconds
  readonly signal?: AbortSignal
  /** As of `net.connect`. */
  readonly onread?: SocketConstructorOpts['onread']
  readonly clock?: Clock
}

/**
 * A TCP connection as `net.connect` makes it, with half-open allowed, whose packets carry a mark. Rejects as `net.connect` fails: `connect
 * ECONNREFUSED 10.0.0.1:80` with `code`, `address` and `port` (ETIMEDOUT also after `timeout`), or with the signal's reason.
 * What this process may not do or the caller got wrong is a `CodedError`.
 */
export async function connectMarked(options: MarkedConnectionOptions): Promise<Socket> {
  options.signal?.throwIfAborted()
  const fd = startConnect(options)
  try {
    await connected(fd, options)
    const { onread } = options
    return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true, ...(onread && { onread }) })
  } catch (error) {
    libc().close(fd)
    throw error
  }
}

/** An unconnected TCP socket as a bare descriptor, which is then the caller's: for those who connect it themselves. */
export function openTcpDescriptor({ family, mark }: { readonly family: 4 | 6; readonly mark?: number }): number {
  const doing = 'open a TCP socket'
  return preparing(openDescriptor(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0, doing), (fd) => {
    if (mark !== undefined) markDescriptor(fd, mark)
    return fd
  })
}

function startConnect(options: MarkedConnectionOptions): number {
  const { host, port, mark, localAddress, localPort = 0, transparent } = options
  const doing = `connect to ${formatEndpoint({ address: host, port })}`
  const remote = requireSocketAddress({ address: host, port })
  const domain = remote.length === 16 ? AF_INET : AF_INET6
  return preparing(openDescriptor(domain, SOCK_STREAM | SOCK_NONBLOCK, 0, doing), (fd) => {
    if (mark !== undefined) markDescriptor(fd, mark)
    if (transparent) setTransparent(fd, domain, doing)
    if (localAddress !== undefined || localPort !== 0) {
      const local = requireSocketAddress({ address: localAddress ?? (domain === AF_INET ? '0.0.0.0' : '::'), port: localPort })
      // The port is chosen by connect, so that one port serves many destinations (kernel 4.2).
      if (localPort === 0) trySetOption(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
      checked(libc().bind(fd, local, local.length), 'bind', `${doing} from ${localAddress ?? ''} port ${localPort}`)
    }
    const result = libc().connect(fd, remote, remote.length)
    const number = result < 0 ? errno() : 0
    if (number !== 0 && number !== constants.errno.EINPROGRESS) throw connectError(number, options)
    return fd
  })
}

/** Resolves when the handshake is done; the descriptor stays the caller's in every case. */
function connected(fd: number, options: MarkedConnectionOptions): Promise<void> {
  const { signal, timeout, clock = systemClock } = options
  return new Promise((resolve, reject) => {
    let settled = false
    const settle = (finish: () => void): void => {
      if (settled) return
      settled = true
      poll.close()
      cancel?.()
      signal?.removeEventListener('abort', abort)
      finish()
    }
    const abort = (): void => settle(() => reject(signal?.reason))
    const finish = (): void => {
      if (settled) return
      const number = getOption(fd, SOL_SOCKET, SO_ERROR, 'connect')
      settle(() => (number === 0 ? resolve() : reject(connectError(number, options))))
    }
    const poll = pollDescriptor(fd, 'writable', () => void setImmediate(finish))
    const cancel =
      timeout === undefined
        ? undefined
        : clock.after(timeout, () => settle(() => reject(connectError(constants.errno.ETIMEDOUT, options))))
    signal?.addEventListener('abort', abort)
  })
}

/** The shape of Node's own, so that whoever reads `code` or shows `message` needs to know one form. */
function connectError(number: number, { host, port }: MarkedConnectionOptions): Error {
  const code = errnoName(number)
  const error = new Error(`connect ${code} ${formatEndpoint({ address: host, port }).replace(/[[\]]/g, '')}`)
  return Object.assign(error, { errno: -number, code, syscall: 'connect', address: host, port })
}
