import { copyBytes } from '@tunnel/flow'
import { isBroadcast, isLoopback, isMulticast, isUnicast } from '../wire/address-kind.ts'
import { readU16 } from '../wire/big-endian.ts'
import type { IcmpError } from '../wire/icmp.ts'
import { readIpv4Address, readIpv6Address, type IpAddress } from '../wire/ip-address.ts'
import { ipProtocol, type IpPacket } from '../wire/ip-packet.ts'
import { ipv4HeaderBytes } from '../wire/ipv4.ts'
import { ipv6HeaderBytes } from '../wire/ipv6.ts'
import { problemCode } from '../wire/ipv6-extensions.ts'

/** Enough for any header of a first packet: what a request keeps to be refused with later. */
const keptQuoteBytes = 160

/** A copy of the start of a packet, to refuse it with when its bytes are long gone. */
export function quoteOf({ bytes }: IpPacket): Uint8Array {
  return copyBytes(bytes.subarray(0, keptQuoteBytes))
}

/** IPv4: 576 bytes in all (RFC 1812 4.3.2.3); IPv6: the least MTU (RFC 4443 2.4 (c)). Less where the device carries less. */
export function maxQuoteBytes(version: 4 | 6, mtu: number): number {
  return version === 4 ? Math.min(576, mtu) - 28 : Math.min(1280, mtu) - 48
}

/** Nobody answers these, or two hosts would argue for ever. */
interface Addressee {
  readonly version: 4 | 6
  readonly source: IpAddress
  readonly destination: IpAddress
}

/** Whom to tell of an error in a packet; `undefined` where no error may be sent (RFC 1122 3.2.2, RFC 4443 2.4 (e)). */
export function deservesAnError(packet: Uint8Array, error: Pick<IcmpError, 'kind' | 'code'>): Addressee | undefined {
  const version = (packet[0] ?? 0) >>> 4
  if (version === 4 && packet.length >= ipv4HeaderBytes) return deserves4(packet)
  return version === 6 && packet.length >= ipv6HeaderBytes ? deserves6(packet, error) : undefined
}

function deserves4(packet: Uint8Array): Addressee | undefined {
  const source = readIpv4Address(packet, 12)
  const destination = readIpv4Address(packet, 16)
  const isLaterFragment = (readU16(packet, 6) & 0x1fff) !== 0
  if (isLaterFragment || !isUnicast(source) || isLoopback(source) || isMulticast(destination) || isBroadcast(destination)) return undefined
  const payloadAt = ((packet[0] ?? 0) & 15) * 4
  // About an ICMP message only if it is a ping.
  if (packet[9] === ipProtocol.icmp4 && packet[payloadAt] !== 8) return undefined
  return { version: 4, source, destination }
}

const walked: readonly number[] = [ipProtocol.hopByHop, ipProtocol.destinationOptions, ipProtocol.routing, ipProtocol.fragment]

function deserves6(packet: Uint8Array, error: Pick<IcmpError, 'kind' | 'code'>): Addressee | undefined {
  const source = readIpv6Address(packet, 8)
  const destination = readIpv6Address(packet, 24)
  if (!isUnicast(source) || isLoopback(source)) return undefined
  const isAllowed = error.kind === 'too-big' || (error.kind === 'parameter-problem' && error.code === problemCode.option)
  if (isMulticast(destination) && !isAllowed) return undefined
  // Errors have types below 128. Behind extension headers one is looked for as far as they are usual; later fragments come to no error.
  let protocol = packet[6] ?? ipProtocol.none
  let at = ipv6HeaderBytes
  for (let count = 0; count < 8 && walked.includes(protocol); count += 1) {
    const length = protocol === ipProtocol.fragment ? 8 : ((packet[at + 1] ?? 0) + 1) * 8
    protocol = packet[at] ?? ipProtocol.none
    at += length
  }
  if (protocol === ipProtocol.icmp6 && (packet[at] ?? 0) < 128) return undefined
  return { version: 6, source, destination }
}
