import type { IcmpErrorReason } from '../icmp/error-reason.ts'
import type { QuotedPacket } from '../icmp/quoted-packet.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import type { IpPacket } from '../wire/ip-packet.ts'

/** What TCP and UDP are for the IP layer. */
export interface Transport {
  /** A whole packet for one of our addresses. The object and its bytes are borrowed until the call returns. `verified`: its sum need not be looked at. */
  receive(packet: IpPacket, verified: boolean): void
  /**
   * An ICMP error about a packet that we may have sent. True only if a live flow of ours did send it: anybody can forge one. For `too-big`
   * the new path MTU is remembered after that.
   */
  icmpError(error: ReportedError): boolean
}

export interface ReportedError {
  readonly reason: IcmpErrorReason
  /** For `too-big` what now fits in one packet to that destination, IP header included; else 0. */
  readonly mtu: number
  /** Who says so: a router, or the destination itself. */
  readonly reporter: IpAddress
  readonly quoted: QuotedPacket
}
