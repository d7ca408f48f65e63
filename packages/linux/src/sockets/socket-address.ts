import { CodedError, type Endpoint } from '@tunnel/flow'
import { AF_INET, AF_INET6 } from '../ffi/constants.ts'
import { checked } from '../ffi/call-error.ts'
import { libc } from '../ffi/libc.ts'
import { readCString } from '../netlink/attribute.ts'
import { formatAddress, parseAddress } from '../netlink/ip-address.ts'

/** struct sockaddr_in6, the longer of the two. */
export const socketAddressMaxBytes = 28
const ipv4Bytes = 16

/** struct sockaddr_in or sockaddr_in6; `undefined` for what is no address. A zone (`fe80::1%eth0`) names a link that exists. */
export function encodeSocketAddress({ address, port }: Endpoint): Uint8Array | undefined {
  const zone = address.indexOf('%')
  const host = parseAddress(zone < 0 ? address : address.slice(0, zone))
  if (!host || !Number.isInteger(port) || port < 0 || port > 0xffff) return undefined
  const scope = zone < 0 ? 0 : linkIndex(address.slice(zone + 1))
  if (scope === undefined || (zone >= 0 && host.length === 4)) return undefined
  const bytes = new Uint8Array(host.length === 4 ? ipv4Bytes : socketAddressMaxBytes)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, host.length === 4 ? AF_INET : AF_INET6, true)
  view.setUint16(2, port, false)
  bytes.set(host, host.length === 4 ? 4 : 8)
  if (host.length === 16) view.setUint32(24, scope, true)
  return bytes
}

function linkIndex(name: string): number | undefined {
  if (/^\d{1,9}$/.test(name)) return Number(name)
  return libc().if_nametoindex(name) || undefined
}

/** The same, for addresses that a program was given. Throws `linux.invalid`. */
export function requireSocketAddress(endpoint: Endpoint): Uint8Array {
  const bytes = encodeSocketAddress(endpoint)
  if (bytes) return bytes
  throw new CodedError('linux.invalid', `'${endpoint.address}' with port ${endpoint.port} is not an IP address and port`)
}

/** `undefined` for other families and what is too short. */
export function parseSocketAddress(bytes: Uint8Array): Endpoint | undefined {
  if (bytes.length < ipv4Bytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const family = view.getUint16(0, true)
  const port = view.getUint16(2, false)
  if (family === AF_INET) return { address: formatAddress(bytes.subarray(4, 8)), port }
  if (family !== AF_INET6 || bytes.length < socketAddressMaxBytes) return undefined
  const scope = view.getUint32(24, true)
  const address = formatAddress(bytes.subarray(8, 24))
  return { address: scope === 0 ? address : `${address}%${linkName(scope)}`, port }
}

function linkName(index: number): string {
  const name = new Uint8Array(16)
  return libc().if_indextoname(index, name) === null ? String(index) : (readCString(name) ?? '')
}

/** Where the kernel says that a socket is bound. */
export function localEndpoint(fd: number, doing: string): Endpoint {
  const bytes = new Uint8Array(socketAddressMaxBytes)
  checked(libc().getsockname(fd, bytes, new Uint8Array([bytes.length, 0, 0, 0])), 'getsockname', doing)
  const endpoint = parseSocketAddress(bytes)
  if (!endpoint) throw new CodedError('linux.call-failed', `Cannot ${doing}: the socket has no IP address`)
  return endpoint
}
