import { encodeAttributes, parseAttributes, readCString, readU32, u32, type Attribute } from './attribute.ts'
import { formatAddress } from './ip-address.ts'
import { concatBytes } from './message.ts'
import { addressBytes, compact, familyNumber, familyOf } from './route.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22

/** A network interface. */
export interface Link {
  readonly name: string
  readonly index: number
  readonly mtu: number
  /** Switched on; a cable may still be missing. */
  readonly up: boolean
  readonly loopback: boolean
}

/** An address that a link has. */
export interface LinkAddress {
  readonly family: 4 | 6
  readonly address: string
  readonly prefixLength: number
  readonly device: string
  /** The far end of a point-to-point link, if it differs. */
  readonly peer?: string
  /** 0 global, 253 link, 254 host. */
  readonly scope?: number
  /** False: the kernel makes no route to the prefix (or the peer) by itself. */
  readonly prefixRoute?: boolean
  /** IPv6: nobody may use it (yet): duplicates are still looked for, or one was found (RFC 4862 5.4). */
  readonly tentative?: boolean
}

const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_TXQLEN = 13
const IFF_UP = 1
const IFF_LOOPBACK = 8
const linkHeaderBytes = 16
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
// No duplicate address detection: an IPv6 address is of use at once.
const IFA_F_NODAD = 2
const IFA_F_NOPREFIXROUTE = 0x200
const IFA_FLAGS = 8
const IFA_F_DADFAILED = 0x08
const IFA_F_TENTATIVE = 0x40
const addressHeaderBytes = 8

/** What can be set of a link. */
export interface LinkSettings {
  readonly up?: boolean
  readonly mtu?: number
  /** Packets that wait for the link. */
  readonly queuePackets?: number
}

export function encodeLink(index: number, wanted: LinkSettings): Uint8Array {
  const header = new Uint8Array(linkHeaderBytes)
  const view = new DataView(header.buffer)
  view.setInt32(4, index, true)
  view.setUint32(8, wanted.up ? IFF_UP : 0, true)
  view.setUint32(12, wanted.up === undefined ? 0 : IFF_UP, true)
  const attributes: Attribute[] = []
  if (wanted.mtu !== undefined) attributes.push([IFLA_MTU, u32(wanted.mtu)])
  if (wanted.queuePackets !== undefined) attributes.push([IFLA_TXQLEN, u32(wanted.queuePackets)])
  return concatBytes([header, encodeAttributes(attributes)])
}

export function parseLink(payload: Uint8Array): Link | undefined {
  if (payload.length < linkHeaderBytes) return undefined
  const attributes = parseAttributes(payload.subarray(linkHeaderBytes))
  const name = readCString(attributes?.get(IFLA_IFNAME))
  if (!attributes || name === undefined) return undefined
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const flags = view.getUint32(8, true)
  return {
    name,
    index: view.getInt32(4, true),
    mtu: readU32(attributes.get(IFLA_MTU)) ?? 0,
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
  }
}

export function encodeLinkAddress(address: LinkAddress, index: number): Uint8Array {
  const local = addressBytes(address.address, address.family)
  const far = address.peer === undefined ? local : addressBytes(address.peer, address.family)
  const header = new Uint8Array(addressHeaderBytes)
  header[0] = familyNumber(address.family)
  header[1] = address.prefixLength
  header[2] = address.family === 6 ? IFA_F_NODAD : 0
  header[3] = address.scope ?? 0
  new DataView(header.buffer).setUint32(4, index, true)
  const attributes: Attribute[] = [
    [IFA_LOCAL, local],
    [IFA_ADDRESS, far],
  ]
  // More flags than the header has room for.
  if (address.prefixRoute === false) attributes.push([IFA_FLAGS, u32((header[2] ?? 0) | IFA_F_NOPREFIXROUTE)])
  return concatBytes([header, encodeAttributes(attributes)])
}

export function parseLinkAddress(payload: Uint8Array, nameOf: (index: number) => string | undefined): LinkAddress | undefined {
  const family = familyOf(payload[0])
  const attributes = parseAttributes(payload.subarray(addressHeaderBytes))
  if (payload.length < addressHeaderBytes || !family || !attributes) return undefined
  const size = family === 4 ? 4 : 16
  // IFA_ADDRESS is the far end; IPv6 has IFA_LOCAL only where the two differ.
  const far = attributes.get(IFA_ADDRESS)
  const local = attributes.get(IFA_LOCAL) ?? far
  const device = nameOf(new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(4, true))
  if (local?.length !== size || device === undefined) return undefined
  const address = formatAddress(local)
  const peer = far?.length === size ? formatAddress(far) : address
  return compact({
    family,
    address,
    prefixLength: payload[1] ?? 0,
    device,
    peer: peer === address ? undefined : peer,
    scope: payload[3] ?? 0,
    tentative: ((payload[2] ?? 0) & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0 || undefined,
  })
}
