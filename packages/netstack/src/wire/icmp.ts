import type { IpAddress } from './ip-address.ts'

/** What both versions of ICMP say in the same words. */
export type IcmpMessage = IcmpEcho | IcmpError | NeighbourSolicitation | NeighbourAdvertisement

export interface IcmpEcho {
  readonly kind: 'echo-request' | 'echo-reply'
  readonly identifier: number
  readonly sequence: number
  readonly data: Uint8Array
}

export type IcmpErrorKind = 'unreachable' | 'too-big' | 'time-exceeded' | 'parameter-problem'

export interface IcmpError {
  readonly kind: IcmpErrorKind
  /** By the version's own table (RFC 792, RFC 1812 5.2.7.1; RFC 4443 3). */
  readonly code: number
  /** Too big: the MTU that would do, 0 from old routers. Parameter problem: where. Else 0. */
  readonly value: number
  /** The start of the packet that it is about. */
  readonly quote: Uint8Array
}

/** RFC 4861 4.3. */
export interface NeighbourSolicitation {
  readonly kind: 'neighbour-solicitation'
  readonly target: IpAddress
}

/** RFC 4861 4.4, solicited. */
export interface NeighbourAdvertisement {
  readonly kind: 'neighbour-advertisement'
  readonly target: IpAddress
}

export const icmpHeaderBytes = 8
/** Where the checksum stands in the header. */
export const icmpChecksumOffset = 2

export const isIcmpError = (message: IcmpMessage): message is IcmpError => 'quote' in message
