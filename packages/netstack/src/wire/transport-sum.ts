import { foldSum, pseudoHeaderSum, sumBytes } from './checksum.ts'
import { ipProtocol, type IpPacket } from './ip-packet.ts'

/** Whether the sum over the payload's first `length` bytes is right: with the pseudo header, which ICMPv4 alone does without (RFC 792). */
export function transportSumIsGood({ bytes, payloadOffset, payloadLength, protocol, source, destination }: IpPacket, length = payloadLength): boolean {
  const pseudo = protocol === ipProtocol.icmp4 ? 0 : pseudoHeaderSum(source, destination, protocol, length)
  return foldSum(sumBytes(bytes, payloadOffset, payloadOffset + length, pseudo)) === 0xffff
}
