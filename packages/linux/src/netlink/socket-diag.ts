import { isCodedError, type Endpoint } from '@tunnel/flow'
import { AF_INET, AF_INET6 } from '../ffi/constants.ts'
import { parseAddress } from './ip-address.ts'
import { openNetlink } from './netlink-socket.ts'

/** Asks the kernel of this network namespace for TCP sockets. */
export interface SocketDiag {
  /** Whether a program of this host is waiting for `to` to answer its SYN from `from`. */
  isConnecting(from: Endpoint, to: Endpoint): boolean
  close(): void
}

const NETLINK_SOCK_DIAG = 4
const SOCK_DIAG_BY_FAMILY = 20
const IPPROTO_TCP = 6
const TCP_SYN_SENT = 2
/** struct inet_diag_req_v2: family, protocol, extensions, padding, states (4), then struct inet_diag_sockid: ports (2, 2), addresses (16, 16), link (4), cookie (8). */
const requestBytes = 56

/** Throws a `CodedError` of `LinuxErrorCode`. Needs no privilege. */
export function openSocketDiag(): SocketDiag {
  const netlink = openNetlink(NETLINK_SOCK_DIAG)
  return {
    isConnecting(from, to) {
      const request = encodeQuestion(from, to)
      if (!request) return false
      try {
        // struct inet_diag_msg begins with family and state.
        return netlink.request(SOCK_DIAG_BY_FAMILY, 0, request).some((answer) => answer[1] === TCP_SYN_SENT)
      } catch (error) {
        if (isCodedError(error, 'linux.missing')) return false
        throw error
      }
    },
    close: () => netlink.close(),
  }
}

function encodeQuestion(from: Endpoint, to: Endpoint): Uint8Array | undefined {
  const source = parseAddress(from.address)
  const destination = parseAddress(to.address)
  if (!source || source.length !== destination?.length) return undefined
  const bytes = new Uint8Array(requestBytes)
  const view = new DataView(bytes.buffer)
  bytes[0] = source.length === 4 ? AF_INET : AF_INET6
  bytes[1] = IPPROTO_TCP
  view.setUint32(4, 0xffff_ffff, true)
  view.setUint16(8, from.port)
  view.setUint16(10, to.port)
  bytes.set(source, 12)
  bytes.set(destination, 28)
  // No cookie: whichever socket it is.
  view.setBigUint64(48, 0xffff_ffff_ffff_ffffn, true)
  return bytes
}
