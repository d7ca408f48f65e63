/**
 * struct virtio_net_hdr, which stands before each packet of a TUN with IFF_VNET_HDR: flags (1), gso_type (1), hdr_len (2), gso_size (2), csum_start (2),
 * csum_offset (2), in the machine's own byte order (include/uapi/linux/virtio_net.h). It says what the kernel has left undone, or what it shall do.
 */
export const vnetHeaderBytes = 10

const needsChecksum = 1
const dataValid = 2
const gso = { none: 0, tcp4: 1, tcp6: 4, udp: 5, ecn: 0x80 } as const
const protocol = { tcp: 6, udp: 17 } as const
const ipv6HeaderBytes = 40
/** More fragments, or an offset: all but "don't fragment" and the reserved bit. */
const fragmentMask = 0x3fff

export interface ReceivedOffload {
  /** Nobody needs to look at the sum: the sender is this host, or a card has done it. */
  readonly verified: boolean
  /** Payload of each of the datagrams that came as one (UDP_SEGMENT); 0 where it is one packet, however large. */
  readonly datagramBytes: number
}

const plain: ReceivedOffload = { verified: false, datagramBytes: 0 }
const plainVerified: ReceivedOffload = { verified: true, datagramBytes: 0 }

/** What the kernel says of a packet that it gives us. */
export function readVnetHeader(bytes: Uint8Array, at = 0): ReceivedOffload {
  const verified = ((bytes[at] ?? 0) & (needsChecksum | dataValid)) !== 0
  const type = (bytes[at + 1] ?? 0) & ~gso.ecn
  if (type === gso.udp) return { verified, datagramBytes: readU16(bytes, at + 4) }
  return verified ? plainVerified : plain
}

/**
 * Writes what the kernel is to do with a packet that begins with `head` (all its headers): complete the sum of TCP and UDP, and cut TCP above `mtu` or with
 * more than `segmentBytes`, by default as large as `mtu` allows. False for what the kernel could not cut.
 */
export function writeVnetHeader(into: Uint8Array, head: Uint8Array, packetBytes: number, mtu: number, segmentBytes = mtu): boolean {
  for (let at = 0; at < vnetHeaderBytes; at++) into[at] = 0
  const version = (head[0] ?? 0) >>> 4
  const transport = version === 4 ? protocolAfter4(head) : (head[6] ?? 0)
  if (transport !== protocol.tcp && transport !== protocol.udp) return packetBytes <= mtu
  const start = version === 4 ? ((head[0] ?? 0) & 15) * 4 : ipv6HeaderBytes
  into[0] = needsChecksum
  writeU16(into, 6, start)
  writeU16(into, 8, transport === protocol.tcp ? 16 : 6)
  if (transport === protocol.udp) return packetBytes <= mtu
  const headerBytes = start + ((head[start + 12] ?? 0) >>> 4) * 4
  const longest = Math.min(segmentBytes, mtu - headerBytes)
  if (packetBytes - headerBytes <= longest) return true
  if (longest <= 0) return false
  into[1] = version === 4 ? gso.tcp4 : gso.tcp6
  writeU16(into, 2, headerBytes)
  writeU16(into, 4, longest)
  return true
}

/** Fragments have no transport header that could be completed. */
function protocolAfter4(head: Uint8Array): number {
  const fragment = (((head[6] ?? 0) << 8) | (head[7] ?? 0)) & fragmentMask
  return fragment === 0 ? (head[9] ?? 0) : 0
}

/** This package runs on little-endian machines only. */
function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff
  bytes[at + 1] = value >>> 8
}

function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
}
