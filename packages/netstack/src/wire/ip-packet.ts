import { unspecified4, type IpAddress } from './ip-address.ts'

/** Protocol numbers, which are next header values too. */
export const ipProtocol = {
  hopByHop: 0,
  icmp4: 1,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  icmp6: 58,
  none: 59,
  destinationOptions: 60,
} as const

export const maxPacketBytes = 65_535

const noBytes = new Uint8Array(0)

/**
 * The header of an IPv4 or IPv6 packet, read by a parser into the same object again and again: one packet at a time is looked at, and
 * an object for each would be most of what a small packet costs. Whoever keeps something of it copies it.
 */
export class IpPacket {
  version: 4 | 6 = 4
  source: IpAddress = unspecified4
  destination: IpAddress = unspecified4
  /** Of the payload: behind all extension headers. */
  protocol = 0
  /** TTL or hop limit. */
  hopLimit = 0
  /** DSCP and ECN: the old type of service (RFC 2474, RFC 3168). */
  trafficClass = 0
  /** The packet as it came; borrowed. */
  bytes: Uint8Array = noBytes
  payloadOffset = 0
  payloadLength = 0

  dontFragment = false
  moreFragments = false
  /** Where in the whole payload this fragment begins, in bytes. */
  fragmentOffset = 0
  /** Names the packet that fragments belong to; of an IPv6 packet 0 without a fragment header. */
  identification = 0
  /** IPv6: where the fragment header stands, 0 without one. */
  fragmentHeaderAt = 0
  /** IPv6: where the byte is that announces `protocol`, or the fragment header of a fragment. */
  nextHeaderAt = 0

  /** After a refusal that the sender must hear of: code of a parameter problem, else -1 (RFC 792, RFC 4443 3.4). */
  problemCode = -1
  problemPointer = 0

  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset > 0
  }

  get payload(): Uint8Array {
    return this.bytes.subarray(this.payloadOffset, this.payloadOffset + this.payloadLength)
  }

  /** Begins anew; the addresses stay, for the next packet is likely to have the same. */
  begin(bytes: Uint8Array): void {
    this.bytes = bytes
    this.dontFragment = false
    this.moreFragments = false
    this.fragmentOffset = 0
    this.identification = 0
    this.fragmentHeaderAt = 0
    this.nextHeaderAt = 0
    this.problemCode = -1
    this.problemPointer = 0
  }

  /** Notes what the sender must be told. */
  problem(code: number, pointer: number): void {
    this.problemCode = code
    this.problemPointer = pointer
  }
}

/** What an encoder writes of an IP header. */
export interface IpHeader {
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly protocol: number
  readonly hopLimit: number
  readonly trafficClass: number
  readonly payloadLength: number
  readonly identification: number
  readonly dontFragment: boolean
  readonly moreFragments: boolean
  readonly fragmentOffset: number
}
