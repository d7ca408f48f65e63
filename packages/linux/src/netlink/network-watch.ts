import { constants } from 'node:os'
import { callError, checked } from '../ffi/call-error.ts'
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_ADD_MEMBERSHIP,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  SO_RCVBUFFORCE,
} from '../ffi/constants.ts'
import { openDescriptor, preparing, setOption, trySetOption } from '../ffi/descriptor.ts'
import { errno, libc } from '../ffi/libc.ts'
import { pollDescriptor } from '../ffi/poll.ts'
import { RTM_DELADDR, RTM_DELLINK, RTM_NEWADDR, RTM_NEWLINK } from './link.ts'
import { parseMessages, type NetlinkMessage } from './message.ts'
import { followPorts, isOwnPort } from './own-ports.ts'
import { RTM_DELROUTE, RTM_NEWROUTE } from './route.ts'
import { RTM_DELRULE, RTM_NEWRULE } from './rule.ts'

export interface NetworkEvent {
  /** `lost`: events were dropped, anything may have changed. */
  readonly kind: 'route' | 'rule' | 'address' | 'link' | 'lost'
  readonly removed: boolean
  /** Made by this program: through any of its route controls, or by a host state. */
  readonly own: boolean
  /** Of a link: which. `lo` is 1 in every network namespace. */
  readonly index?: number
}

/** RTNLGRP_: link, IPv4 address, route and rule, IPv6 address, route and rule. */
const groups = [1, 5, 7, 8, 9, 11, 19]
const kinds: Readonly<Record<number, Omit<NetworkEvent, 'own'>>> = {
  [RTM_NEWROUTE]: { kind: 'route', removed: false },
  [RTM_DELROUTE]: { kind: 'route', removed: true },
  [RTM_NEWRULE]: { kind: 'rule', removed: false },
  [RTM_DELRULE]: { kind: 'rule', removed: true },
  [RTM_NEWADDR]: { kind: 'address', removed: false },
  [RTM_DELADDR]: { kind: 'address', removed: true },
  [RTM_NEWLINK]: { kind: 'link', removed: false },
  [RTM_DELLINK]: { kind: 'link', removed: true },
}
const bufferBytes = 1 << 16
/** One turn reads no more: a flood of changes does not stop the program. */
const datagramsPerTurn = 256

/** Follows what the kernel tells of changes to the network. */
export function watchNetwork(changed: (events: readonly NetworkEvent[]) => void): { close(): void } {
  const fd = openWatch()
  const buffer = new Uint8Array(bufferBytes)
  let planned = false
  let closed = false
  const drain = (): void => {
    planned = false
    if (closed) return
    const { events, whole } = readEvents(fd, buffer, (port) => isOwnPort(port, ports))
    // The kernel tells of a change before the socket that made it can close.
    if (whole) ports.closed.clear()
    if (events.length > 0) changed(events)
  }
  const plan = (): void => {
    if (planned) return
    planned = true
    setImmediate(drain)
  }
  const ports = followPorts(plan)
  const poll = pollDescriptor(fd, 'readable', plan)
  poll.unref()
  return {
    close: () => {
      if (closed) return
      closed = true
      ports.stop()
      poll.close()
      libc().close(fd)
    },
  }
}

function openWatch(): number {
  const doing = 'watch the network settings'
  return preparing(openDescriptor(AF_NETLINK, SOCK_RAW, 0, doing), (fd) => {
    trySetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
    const address = new Uint8Array(12)
    address[0] = AF_NETLINK
    checked(libc().bind(fd, address, address.length), 'bind', doing)
    for (const group of groups) setOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, doing)
    return fd
  })
}

interface Reading {
  readonly events: readonly NetworkEvent[]
  /** Nothing is left to read. */
  readonly whole: boolean
}

function readEvents(fd: number, buffer: Uint8Array, isOwn: (port: number) => boolean): Reading {
  const events: NetworkEvent[] = []
  for (let count = 0; count < datagramsPerTurn; count++) {
    const length = libc().recv(fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC)
    if (length < 0) {
      const number = errno()
      if (number === constants.errno.EAGAIN) return { events, whole: true }
      if (number !== constants.errno.ENOBUFS && number !== constants.errno.EINTR) throw callError('watch the network settings', 'recv', number)
      if (number === constants.errno.ENOBUFS) events.push({ kind: 'lost', removed: false, own: false })
      continue
    }
    const messages = length <= buffer.length ? parseMessages(buffer.subarray(0, length)) : undefined
    if (!messages) events.push({ kind: 'lost', removed: false, own: false })
    for (const message of messages ?? []) {
      const event = toEvent(message, isOwn)
      if (event) events.push(event)
    }
  }
  return { events, whole: false }
}

function toEvent(message: NetlinkMessage, isOwn: (port: number) => boolean): NetworkEvent | undefined {
  const event = kinds[message.type]
  if (!event) return undefined
  const { payload, port } = message
  const index = event.kind === 'link' && payload.length >= 8 ? new DataView(payload.buffer, payload.byteOffset).getInt32(4, true) : undefined
  return { ...event, own: isOwn(port), ...(index !== undefined && { index }) }
}
