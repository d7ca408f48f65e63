import { writeU16 } from '../wire/big-endian.ts'
import { finishChecksum, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts'
import { encodeIcmp4Header } from '../wire/icmp4.ts'
import { encodeIcmp6Header } from '../wire/icmp6.ts'
import { icmpChecksumOffset, isIcmpError, type IcmpMessage } from '../wire/icmp.ts'
import { encodeIpHeader, maxIpHeaderBytes } from '../wire/ip.ts'
import { parseAddress, type IpAddress } from '../wire/ip-address.ts'
import { ipProtocol, type IpHeader } from '../wire/ip-packet.ts'
import { encodeDatagramHeader, udpChecksumOffset } from '../wire/udp.ts'

export function address(text: string): IpAddress {
  const parsed = parseAddress(text)
  if (!parsed) throw new Error(`${text} is no address`)
  return parsed
}

export interface PacketFields extends Partial<Omit<IpHeader, 'source' | 'destination' | 'payloadLength'>> {
  readonly from: string
  readonly to: string
}

/** A whole packet around `payload`. */
export function buildPacket({ from, to, ...fields }: PacketFields, payload: Uint8Array): Uint8Array {
  const defaults = { protocol: 253, hopLimit: 64, trafficClass: 0, identification: 7, dontFragment: false, moreFragments: false, fragmentOffset: 0 }
  const header: IpHeader = { ...defaults, ...fields, source: address(from), destination: address(to), payloadLength: payload.length }
  const bytes = new Uint8Array(maxIpHeaderBytes + payload.length)
  const headerBytes = encodeIpHeader(header, bytes)
  bytes.set(payload, headerBytes)
  return bytes.subarray(0, headerBytes + payload.length)
}

/** A transport's bytes with their sum. */
export function withSum(fields: PacketFields, protocol: number, checksumAt: number, bytes: Uint8Array): Uint8Array {
  const pseudo = protocol === ipProtocol.icmp4 ? 0 : pseudoHeaderSum(address(fields.from), address(fields.to), protocol, bytes.length)
  writeU16(bytes, checksumAt, finishChecksum(sumBytes(bytes, 0, bytes.length, pseudo)))
  return bytes
}

export function buildUdp(fields: PacketFields, sourcePort: number, destinationPort: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length)
  encodeDatagramHeader(sourcePort, destinationPort, payload.length, bytes)
  bytes.set(payload, 8)
  return buildPacket({ ...fields, protocol: ipProtocol.udp }, withSum(fields, ipProtocol.udp, udpChecksumOffset, bytes))
}

export function buildIcmp(fields: PacketFields, message: IcmpMessage): Uint8Array {
  const isV6 = fields.to.includes(':')
  const rest = isIcmpError(message) ? message.quote : 'data' in message ? message.data : new Uint8Array(0)
  const header = new Uint8Array(32)
  const headerBytes = (isV6 ? encodeIcmp6Header : encodeIcmp4Header)(message, header)
  const bytes = new Uint8Array(headerBytes + rest.length)
  bytes.set(header.subarray(0, headerBytes))
  bytes.set(rest, headerBytes)
  const protocol = isV6 ? ipProtocol.icmp6 : ipProtocol.icmp4
  return buildPacket({ ...fields, protocol }, withSum(fields, protocol, icmpChecksumOffset, bytes))
}
