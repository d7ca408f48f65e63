import { constants } from 'node:fs'
import { CodedError } from '@tunnel/flow'
import { checked } from '../ffi/call-error.ts'
import { preparing } from '../ffi/descriptor.ts'
import { libc } from '../ffi/libc.ts'
import { cString, readCString } from '../netlink/attribute.ts'

export interface TunLink {
  /** As the kernel chose it, where it was asked to. */
  readonly name: string
  readonly index: number
  /** Packets are read from it and written to it; non-blocking. */
  readonly fd: number
  /** The link goes, and with it its addresses and routes; so it does when the process ends in any way. */
  close(): void
}

const O_CLOEXEC = 0x80000
const TUNSETIFF = 0x400454ca
const IFF_TUN = 0x0001
const IFF_NO_PI = 0x1000
/** struct ifreq: the name (16), then flags (2). IFNAMSIZ counts the zero at the end. */
const requestBytes = 40
const nameBytes = 16

/**
 * A point-to-point link whose far end is this process. It is down and has no address; `openRouteControl` gives it both. `name` may hold one
 * `%d`, for the first free number. `linux.exists` when the name is taken, `linux.missing` without /dev/net/tun.
 */
export function openTunLink({ name = 'tun%d' }: { readonly name?: string } = {}): TunLink {
  const wanted = cString(name)
  if (wanted.length > nameBytes || wanted.length < 2) {
    throw new CodedError('linux.invalid', `'${name}' is not the name of a link: it has 1 to ${nameBytes - 1} bytes`)
  }
  const flags = constants.O_RDWR | constants.O_NONBLOCK | O_CLOEXEC
  const opened = checked(libc().open('/dev/net/tun', flags, 0), 'open', 'open /dev/net/tun')
  return preparing(opened, (fd) => {
    const request = new Uint8Array(requestBytes)
    request.set(wanted)
    new DataView(request.buffer).setUint16(nameBytes, IFF_TUN | IFF_NO_PI, true)
    checked(libc().ioctl(fd, TUNSETIFF, request), 'ioctl', `create the TUN link ${name}`)
    const given = readCString(request.subarray(0, nameBytes)) ?? name
    let closed = false
    const close = (): void => {
      if (!closed) libc().close(fd)
      closed = true
    }
    return { name: given, index: libc().if_nametoindex(given), fd, close }
  })
}
