import { copyBytes, type Milliseconds } from '@tunnel/flow'
import { readU16, writeU16 } from '../wire/big-endian.ts'
import { finishChecksum, sumBytes } from '../wire/checksum.ts'
import type { DropReason } from '../wire/drop-counts.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { maxPacketBytes, type IpPacket } from '../wire/ip-packet.ts'
import { ipv6HeaderBytes } from '../wire/ipv6.ts'

/** What a fragment, and a packet, costs beside its bytes: measured with some reserve. */
const overheadBytes = 256

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

/** The fragments that are here of one packet, in order and without overlaps. */
export class PartialPacket {
  readonly key: number
  readonly bucket: number
  readonly due: Milliseconds
  heldBytes = overheadBytes
  /** An overlap was seen: nothing of this packet is believed any more (RFC 5722 4). */
  refused = false
  readonly #version: 4 | 6
  readonly #source: IpAddress
  readonly #destination: IpAddress
  readonly #identification: number
  readonly #protocol: number
  #pieces: Piece[] = []
  #pieceBytes = 0
  /** Where the payload ends; -1 until the last fragment is here. */
  #end = -1
  /** All before the payload of the first fragment, as it came. */
  #header: Uint8Array | undefined
  /** IPv6: where in it the fragment header stands, and the byte that announces that, which comes to announce `#nextHeader`. */
  #fragmentHeaderAt = 0
  #nextHeaderAt = 0
  #nextHeader = 0
  /** A fragment was marked on its way: the packet counts as marked (RFC 3168 5.3). */
  #marked = false

  constructor(packet: IpPacket, key: number, bucket: number, due: Milliseconds) {
    this.key = key
    this.bucket = bucket
    this.due = due
    this.#version = packet.version
    this.#source = packet.source
    this.#destination = packet.destination
    this.#identification = packet.identification
    this.#protocol = packet.protocol
  }

  /** The protocol names an IPv4 packet too (RFC 791 2.3); fragments of an IPv6 packet may have different next headers (RFC 8200 4.5). */
  owns(packet: IpPacket): boolean {
    return (
      this.#identification === packet.identification &&
      this.#version === packet.version &&
      (this.#version === 6 || this.#protocol === packet.protocol) &&
      this.#source.equals(packet.source) &&
      this.#destination.equals(packet.destination)
    )
  }

  get isWhole(): boolean {
    return this.#end >= 0 && this.#pieceBytes === this.#end
  }

  /** Takes a copy. Returns why not. */
  add(packet: IpPacket, maxFragments: number): DropReason | undefined {
    const start = packet.fragmentOffset
    const end = start + packet.payloadLength
    const last = !packet.moreFragments
    const reached = this.#pieces.at(-1)
    const reachedEnd = reached ? reached.start + reached.bytes.length : 0
    const beyondEnd = this.#end >= 0 && (end > this.#end || (last && end !== this.#end))
    if (beyondEnd || (last && end < reachedEnd)) return this.#refuse('fragment.inconsistent-end')
    const at = start >= reachedEnd ? this.#pieces.length : this.#pieces.findIndex((piece) => piece.start >= start)
    const next = this.#pieces[at]
    // The very same fragment again is no attack but a copy made by the network (RFC 8200 4.5).
    if (next?.start === start && next.bytes.length === packet.payloadLength) return undefined
    const previous = at < 0 ? reached : this.#pieces[at - 1]
    const overlaps = (previous && previous.start + previous.bytes.length > start) || (next && next.start < end)
    if (overlaps) return this.#refuse('fragment.overlap')
    if (this.#pieces.length >= maxFragments) return this.#refuse('fragment.too-many')
    this.#pieces.splice(at < 0 ? this.#pieces.length : at, 0, { start, bytes: copyBytes(packet.payload) })
    this.#pieceBytes += packet.payloadLength
    this.heldBytes += packet.payloadLength + overheadBytes
    if (last) this.#end = end
    this.#marked ||= (packet.trafficClass & 3) === 3
    if (start === 0) this.#keepHeader(packet)
    return undefined
  }

  #refuse(reason: DropReason): DropReason {
    this.refused = true
    this.#pieces = []
    this.#header = undefined
    this.heldBytes = overheadBytes
    return reason
  }

  #keepHeader(packet: IpPacket): void {
    this.#header = copyBytes(packet.bytes.subarray(0, packet.payloadOffset))
    this.#fragmentHeaderAt = packet.fragmentHeaderAt
    this.#nextHeaderAt = packet.nextHeaderAt
    this.#nextHeader = packet.protocol
    this.heldBytes += this.#header.length
  }

  /** The whole packet; undefined if its header and payload together are too long. */
  join(): Uint8Array | undefined {
    const header = this.#header?.subarray(0, this.#version === 4 ? undefined : this.#fragmentHeaderAt)
    // The length that an IPv6 header tells is without itself.
    if (!header || header.length + this.#end - (this.#version === 6 ? ipv6HeaderBytes : 0) > maxPacketBytes) return undefined
    const bytes = new Uint8Array(header.length + this.#end)
    bytes.set(header)
    // RFC 8200 4.5: the header before the fragment header now announces what the fragment header did.
    if (this.#version === 6) bytes[this.#nextHeaderAt] = this.#nextHeader
    if (this.#marked) bytes[1] = (bytes[1] ?? 0) | (this.#version === 4 ? 0x03 : 0x30)
    for (const piece of this.#pieces) bytes.set(piece.bytes, header.length + piece.start)
    setLength(bytes, this.#version, header.length)
    return bytes
  }

  /** The first fragment, if it is here, to be quoted as it came (RFC 4443 3.3). */
  firstFragment(): Uint8Array | undefined {
    const [first] = this.#pieces
    if (!this.#header || !first || first.start > 0) return undefined
    const bytes = new Uint8Array(this.#header.length + first.bytes.length)
    bytes.set(this.#header)
    bytes.set(first.bytes, this.#header.length)
    return bytes
  }
}

/** Makes the header that of a packet which is no fragment. */
function setLength(bytes: Uint8Array, version: 4 | 6, headerBytes: number): void {
  if (version === 6) return writeU16(bytes, 4, bytes.length - ipv6HeaderBytes)
  writeU16(bytes, 2, bytes.length)
  writeU16(bytes, 6, readU16(bytes, 6) & 0x4000)
  writeU16(bytes, 10, 0)
  writeU16(bytes, 10, finishChecksum(sumBytes(bytes, 0, headerBytes)))
}
