import { readI32, readU16 } from '../wire/big-endian.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { readIpv4Address, readIpv6Address } from '../wire/ip-address.ts'
import { ipProtocol } from '../wire/ip-packet.ts'
import { ipv4HeaderBytes } from '../wire/ipv4.ts'
import { ipv6HeaderBytes } from '../wire/ipv6.ts'

/** The start of a packet that we sent, as an ICMP error gives it back: enough to find whose it was. */
export interface QuotedPacket {
  readonly version: 4 | 6
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly protocol: number
  /** How long the packet was by its header. */
  readonly packetBytes: number
  /** The first eight bytes of TCP, UDP or an echo: all that every router quotes (RFC 792). */
  readonly sourcePort: number
  readonly destinationPort: number
  /** TCP's sequence number; signed, as `Seq` is. */
  readonly word1: number
}

const transportBytes = 8
const maxExtensions = 8

/** Reads a packet that is cut off anywhere behind the first eight bytes of its payload. `undefined` for others, and for fragments but the first. */
export function parseQuotedPacket(quote: Uint8Array): QuotedPacket | undefined {
  const version = (quote[0] ?? 0) >>> 4
  if (version === 4) return parseQuoted4(quote)
  return version === 6 ? parseQuoted6(quote) : undefined
}

function parseQuoted4(quote: Uint8Array): QuotedPacket | undefined {
  const at = ((quote[0] ?? 0) & 15) * 4
  if (at < ipv4HeaderBytes || quote.length < at + transportBytes) return undefined
  if ((readU16(quote, 6) & 0x1fff) !== 0) return undefined
  return {
    version: 4,
    source: readIpv4Address(quote, 12),
    destination: readIpv4Address(quote, 16),
    protocol: quote[9] ?? 0,
    packetBytes: readU16(quote, 2),
    ...readTransport(quote, at),
  }
}

function parseQuoted6(quote: Uint8Array): QuotedPacket | undefined {
  let at = ipv6HeaderBytes
  let protocol = quote[6] ?? ipProtocol.none
  for (let count = 0; count < maxExtensions && at + transportBytes <= quote.length; count += 1) {
    const isFragment = protocol === ipProtocol.fragment
    if (!isFragment && protocol !== ipProtocol.hopByHop && protocol !== ipProtocol.routing && protocol !== ipProtocol.destinationOptions) break
    if (isFragment && readU16(quote, at + 2) >= 8) return undefined
    const length = isFragment ? 8 : ((quote[at + 1] ?? 0) + 1) * 8
    protocol = quote[at] ?? ipProtocol.none
    at += length
  }
  if (quote.length < at + transportBytes) return undefined
  return {
    version: 6,
    source: readIpv6Address(quote, 8),
    destination: readIpv6Address(quote, 24),
    protocol,
    packetBytes: ipv6HeaderBytes + readU16(quote, 4),
    ...readTransport(quote, at),
  }
}

function readTransport(quote: Uint8Array, at: number): Pick<QuotedPacket, 'sourcePort' | 'destinationPort' | 'word1'> {
  return { sourcePort: readU16(quote, at), destinationPort: readU16(quote, at + 2), word1: readI32(quote, at + 4) }
}
