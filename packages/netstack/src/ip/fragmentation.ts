import { encodeIpHeader, maxIpHeaderBytes } from '../wire/ip.ts'
import type { IpHeader } from '../wire/ip-packet.ts'
import { ipv4HeaderBytes } from '../wire/ipv4.ts'
import { ipv6FragmentBytes, ipv6HeaderBytes } from '../wire/ipv6.ts'

/**
 * Sends a payload that is longer than the MTU in fragments (RFC 791 3.2, RFC 8200 4.5). Nothing is copied: each fragment is a header and views
 * of the parts. Returns whether the device took all; after a refusal the rest is not sent, for it would be of no use.
 */
export function transmitFragments(header: IpHeader, parts: readonly Uint8Array[], mtu: number, transmit: (parts: readonly Uint8Array[]) => boolean): boolean {
  const headerBytes = header.destination.version === 4 ? ipv4HeaderBytes : ipv6HeaderBytes + ipv6FragmentBytes
  const most = (mtu - headerBytes) & ~7
  if (most < 8) return false
  const scratch = new Uint8Array(maxIpHeaderBytes)
  for (let start = 0; start < header.payloadLength; start += most) {
    const length = Math.min(most, header.payloadLength - start)
    const moreFragments = start + length < header.payloadLength
    const written = encodeIpHeader({ ...header, payloadLength: length, fragmentOffset: start, moreFragments, dontFragment: false }, scratch)
    if (!transmit([scratch.subarray(0, written), ...sliceParts(parts, start, length)])) return false
  }
  return true
}

/** Views of `length` bytes from `start` on. */
function sliceParts(parts: readonly Uint8Array[], start: number, length: number): Uint8Array[] {
  const slices: Uint8Array[] = []
  let skip = start
  let left = length
  for (const part of parts) {
    if (left === 0) break
    if (skip >= part.length) {
      skip -= part.length
      continue
    }
    const slice = part.subarray(skip, skip + left)
    slices.push(slice)
    left -= slice.length
    skip = 0
  }
  return slices
}
