import { constants } from 'node:fs'
import { CodedError } from '@tunnel/flow'
import { checked } from '../ffi/call-error.ts'
import { preparing } from '../ffi/descriptor.ts'
import { libc } from '../ffi/libc.ts'
import { cString, readCString } from '../netlink/attribute.ts'
import { vnetHeaderBytes } from './vnet-header.ts'

export interface TunLink {
  /** As the kernel chose it, where it was asked to. */
  readonly name: string
  readonly index: number
  /** Packets are read from it and written to it; non-blocking. */
  readonly fd: number
  readonly offloads: TunOffloads
  /** The link goes, and with it its addresses and routes; so it does when the process ends in any way. */
  close(): void
}

/** What the kernel leaves to us, and we to it. Anything but `none` puts a vnet header before each packet. */
export type TunOffloads = 'none' | 'checksum' | 'tcp' | 'tcp-udp'

export interface TunLinkOptions {
  /** May hold one `%d`, for the first free number. Default `tun%d`. */
  readonly name?: string
  /** The most that is wanted; a kernel that knows less is content with less. Default: none. */
  readonly offloads?: TunOffloads
}

const O_CLOEXEC = 0x80000
const TUNSETIFF = 0x400454ca
const TUNGETIFF = 0x800454d2
const TUNSETOFFLOAD = 0x400454d0
const TUNSETVNETHDRSZ = 0x400454d8
const IFF_TUN = 0x0001
const IFF_NO_PI = 0x1000
const IFF_VNET_HDR = 0x4000
/** TUN_F_: checksum 1, TCP over IPv4 2 and IPv6 4, UDP over both 0x20 and 0x40 (Linux 6.2). */
const offloadBits: Readonly<Record<TunOffloads, number>> = { none: 0, checksum: 1, tcp: 7, 'tcp-udp': 0x67 }
const fewerOffloads: readonly TunOffloads[] = ['tcp-udp', 'tcp', 'checksum', 'none']
/** struct ifreq: the name (16), then flags (2). IFNAMSIZ counts the zero at the end. */
const requestBytes = 40
const nameBytes = 16

/**
 * A point-to-point link whose far end is this process. It is down and has no address; `openRouteControl` gives it both. `linux.exists` when the name is
 * taken, `linux.missing` without /dev/net/tun.
 */
export function openTunLink({ name = 'tun%d', offloads = 'none' }: TunLinkOptions = {}): TunLink {
  const wanted = cString(name)
  if (wanted.length > nameBytes || wanted.length < 2) {
    throw new CodedError('linux.invalid', `'${name}' is not the name of a link: it has 1 to ${nameBytes - 1} bytes`)
  }
  const flags = constants.O_RDWR | constants.O_NONBLOCK | O_CLOEXEC
  const opened = checked(libc().open('/dev/net/tun', flags, 0), 'open', 'open /dev/net/tun')
  return preparing(opened, (fd) => {
    const request = new Uint8Array(requestBytes)
    request.set(wanted)
    const mode = IFF_TUN | IFF_NO_PI | (offloads === 'none' ? 0 : IFF_VNET_HDR)
    new DataView(request.buffer).setUint16(nameBytes, mode, true)
    checked(libc().ioctl(fd, TUNSETIFF, request), 'ioctl', `create the TUN link ${name}`)
    const given = readCString(request.subarray(0, nameBytes)) ?? name
    return tunLink(fd, given, offloads === 'none' ? offloads : setOffloads(fd, given, offloads))
  })
}

/** The link of a descriptor that another process has opened and attached, as in another network namespace; the descriptor is ours now. */
export function adoptTunLink(fd: number, wanted: TunOffloads = 'tcp-udp'): TunLink {
  const request = new Uint8Array(requestBytes)
  checked(libc().ioctl(fd, TUNGETIFF, request), 'ioctl', 'use a descriptor as a TUN link')
  const name = readCString(request.subarray(0, nameBytes)) ?? ''
  const mode = new DataView(request.buffer).getUint16(nameBytes, true)
  if ((mode & IFF_TUN) === 0 || (mode & IFF_NO_PI) === 0) throw new CodedError('linux.invalid', `${name} is no TUN link of IFF_TUN and IFF_NO_PI`)
  return tunLink(fd, name, (mode & IFF_VNET_HDR) === 0 ? 'none' : setOffloads(fd, name, wanted))
}

function setOffloads(fd: number, name: string, wanted: TunOffloads): TunOffloads {
  const size = new Uint8Array(4)
  size[0] = vnetHeaderBytes
  checked(libc().ioctl(fd, TUNSETVNETHDRSZ, size), 'ioctl', `set the header of the TUN link ${name}`)
  for (const offloads of fewerOffloads.slice(fewerOffloads.indexOf(wanted))) {
    if (offloads !== 'none' && libc().ioctlNumber(fd, TUNSETOFFLOAD, offloadBits[offloads]) === 0) return offloads
  }
  // The header is there all the same, and has room for what we leave to the kernel.
  return 'checksum'
}

function tunLink(fd: number, name: string, offloads: TunOffloads): TunLink {
  let closed = false
  const close = (): void => {
    if (!closed) libc().close(fd)
    closed = true
  }
  return { name, index: libc().if_nametoindex(name), fd, offloads, close }
}
