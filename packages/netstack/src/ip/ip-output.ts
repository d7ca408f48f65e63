import type { Clock, PacketDevice } from '@tunnel/flow'
import { finishChecksum, foldSum, pseudoHeaderSum, sumBytes, sumParts } from '../wire/checksum.ts'
import { writeU16 } from '../wire/big-endian.ts'
import type { DropCounts } from '../wire/drop-counts.ts'
import { encodeIpHeader, ipHeaderBytes, maxIpHeaderBytes } from '../wire/ip.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { ipProtocol, maxPacketBytes, type IpHeader } from '../wire/ip-packet.ts'
import { transmitFragments } from './fragmentation.ts'
import type { Identifications } from './identification.ts'
import { minMtu4, type PathMtu } from './path-mtu.ts'

/** Where a packet goes and how. One object may serve all packets of a connection. */
export interface Route {
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly protocol: number
  /** Where in the transport header its checksum stands; it is computed here, or left to the device. */
  readonly checksumAt: number
  /** TTL or hop limit. Default 64. */
  readonly hopLimit?: number
  /** DSCP and ECN. Default 0. */
  readonly trafficClass?: number
  /** IPv4: routers must not fragment it (RFC 1191 3). Default: TCP only. What is longer than the path's MTU, we fragment. */
  readonly dontFragment?: boolean
}

export interface IpOutputOptions {
  readonly device: Pick<PacketDevice, 'mtu' | 'offload' | 'transmit'>
  readonly clock: Pick<Clock, 'now'>
  readonly drops: DropCounts
  readonly pathMtu: PathMtu
  readonly identifications: Identifications
}

const defaultHopLimit = 64
const maxTransportHeaderBytes = 64

/**
 * Puts IP headers before transport headers and hands packets to the device. The transport writes its header, with a sum of 0, into `scratch` at
 * `transportAt` and calls `send` at once: both headers then lie together, and the payload is never copied.
 */
export class IpOutput {
  readonly scratch = new Uint8Array(maxIpHeaderBytes + maxTransportHeaderBytes)
  readonly transportAt = maxIpHeaderBytes
  readonly #options: IpOutputOptions
  /** Headers of the last packet: nearly always the next one's are as long, and a new view would cost as much as writing them. */
  #head = this.scratch
  readonly #transmit: (parts: readonly Uint8Array[]) => boolean

  constructor(options: IpOutputOptions) {
    this.#options = options
    this.#transmit = (parts) => options.device.transmit(parts)
  }

  /** The longest packet that goes to `destination` in one piece. */
  mtuTo(destination: IpAddress): number {
    const { device, pathMtu, clock } = this.#options
    // A look at the clock for each packet is not free, and most know nothing of any path.
    return pathMtu.entries === 0 ? device.mtu : Math.min(device.mtu, pathMtu.to(destination, clock.now()))
  }

  /**
   * Sends `headerBytes` from the scratch buffer and then `payload`. A device that cuts TCP makes segments of at most `segmentBytes` of it: the peer's MSS. False:
   * dropped by the device, or longer than any packet.
   */
  send(route: Route, headerBytes: number, payload: readonly Uint8Array[], payloadBytes = lengthOf(payload), segmentBytes?: number): boolean {
    const { device, drops } = this.#options
    const length = headerBytes + payloadBytes
    const ipBytes = ipHeaderBytes(route.destination.version)
    if (length > maxPacketBytes - (route.destination.version === 4 ? ipBytes : 0)) return this.#fail('ip.send-too-long')
    const mtu = this.mtuTo(route.destination)
    const segmented = route.protocol === ipProtocol.tcp && length + ipBytes <= device.offload.segmentationBytes
    const fragmented = ipBytes + length > mtu && !segmented
    this.#writeChecksum(route, headerBytes, payload, length, device.offload.checksum && !fragmented)
    const header = this.#header(route, length, fragmented, mtu)
    if (fragmented) {
      const parts = [this.scratch.subarray(this.transportAt, this.transportAt + headerBytes), ...payload]
      if (transmitFragments(header, parts, mtu, this.#transmit)) return true
    } else {
      const start = this.transportAt - ipBytes
      encodeIpHeader(header, this.scratch, start)
      const head = this.#headFrom(start, this.transportAt + headerBytes)
      // The path may carry less than the device's own MTU, and the peer take less than that.
      const fits = mtu - ipBytes - headerBytes
      if (device.transmit(under(head, payload), segmented ? Math.min(fits, segmentBytes ?? fits) : undefined)) return true
    }
    drops.count('ip.send-device')
    return false
  }

  #headFrom(start: number, end: number): Uint8Array {
    if (this.#head.byteOffset !== start || this.#head.length !== end - start) this.#head = this.scratch.subarray(start, end)
    return this.#head
  }

  #header(route: Route, payloadLength: number, fragmented: boolean, mtu: number): IpHeader {
    const { source, destination, protocol, hopLimit = defaultHopLimit, trafficClass = 0 } = route
    // At the floor the path may in truth carry less still: routers must be free to fragment then.
    const dontFragment = route.dontFragment ?? (protocol === ipProtocol.tcp && mtu > minMtu4)
    // An IPv6 header has a number only where it has a fragment header.
    const identification = destination.version === 4 || fragmented ? this.#options.identifications.next(destination) : 0
    return { source, destination, protocol, hopLimit, trafficClass, payloadLength, identification, dontFragment, moreFragments: false, fragmentOffset: 0 }
  }

  /** A device that makes sums is given that of the pseudo header, as kernels give it to cards. */
  #writeChecksum(route: Route, headerBytes: number, payload: readonly Uint8Array[], length: number, offload: boolean): void {
    const { scratch, transportAt } = this
    // ICMPv4 alone has no pseudo header (RFC 792), and no card makes its sum.
    const pseudo = route.protocol === ipProtocol.icmp4 ? 0 : pseudoHeaderSum(route.source, route.destination, route.protocol, length)
    const offloaded = offload && (route.protocol === ipProtocol.tcp || route.protocol === ipProtocol.udp)
    if (offloaded) return writeU16(scratch, transportAt + route.checksumAt, foldSum(pseudo))
    const sum = sumBytes(scratch, transportAt, transportAt + headerBytes, pseudo)
    const checksum = finishChecksum(payload.length === 1 && payload[0] && headerBytes % 2 === 0 ? sumBytes(payload[0], 0, payload[0].length, sum) : sumParts(payload, sum))
    // RFC 768: 0 would say that there is none.
    writeU16(scratch, transportAt + route.checksumAt, checksum === 0 && route.protocol === ipProtocol.udp ? 0xffff : checksum)
  }

  #fail(reason: 'ip.send-too-long'): false {
    this.#options.drops.count(reason)
    return false
  }
}

/** The parts of a packet. Those of a usual one are two, and a list that is spread over them would be made for many. */
function under(head: Uint8Array, payload: readonly Uint8Array[]): readonly Uint8Array[] {
  const first = payload[0]
  if (!first) return [head]
  return payload.length === 1 ? [head, first] : [head, ...payload]
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}
