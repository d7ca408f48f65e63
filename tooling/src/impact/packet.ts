/**
 * IP packets as bytes, written and read by these files alone: the stack's own encoders are on trial as much as the rest of it. What is read is
 * judged too: a wrong sum or length of the device under test is an error, not a packet to be passed over.
 */
export const protocol = { hopByHop: 0, icmp4: 1, tcp: 6, udp: 17, fragment: 44, icmp6: 58, none: 59, destinationOptions: 60 } as const

export interface PacketFields {
  readonly from: string
  readonly to: string
  readonly protocol: number
  readonly ttl?: number
  readonly trafficClass?: number
  /** IPv4 only; IPv6 has it in a header of its own (`fragmentHeader`). */
  readonly id?: number
  readonly dontFragment?: boolean
  readonly moreFragments?: boolean
  /** Of this piece in the whole payload, in bytes. */
  readonly offset?: number
}

export interface SeenPacket extends Required<PacketFields> {
  readonly version: 4 | 6
  readonly payload: Uint8Array
  /** As it came: what an ICMP error quotes. */
  readonly bytes: Uint8Array
}

export const versionOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4)

export function addressBytes(address: string): Uint8Array {
  if (versionOf(address) === 4) return Uint8Array.from(address.split('.'), Number)
  const [head = '', tail] = address.split('::')
  const words = (text: string): number[] => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)))
  const [before, after] = [words(head), tail === undefined ? [] : words(tail)]
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]))
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const words = Array.from({ length: 8 }, (_, i) => u16(bytes, 2 * i).toString(16))
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)
}

export const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
export const u32 = (bytes: Uint8Array, at: number): number => (u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2)) >>> 0
export const be16 = (value: number): number[] => [(value >> 8) & 255, value & 255]
export const be32 = (value: number): number[] => [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
export const bytesOf = (content: string | Uint8Array): Uint8Array => (typeof content === 'string' ? new TextEncoder().encode(content) : content)

/** RFC 1071, as simply as can be. */
export function checksum(...parts: readonly (Uint8Array | readonly number[])[]): number {
  const bytes = parts.flatMap((part) => [...part, ...(part.length % 2 ? [0] : [])])
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000)
  return ~sum & 0xffff
}

export function pseudoHeader(from: string, to: string, number: number, length: number): Uint8Array {
  const numbers = versionOf(from) === 4 ? [0, number, ...be16(length)] : [...be32(length), 0, 0, 0, number]
  return Uint8Array.from([...addressBytes(from), ...addressBytes(to), ...numbers])
}

/** One packet. The payload of IPv6 begins with its extension headers, if any. */
export function packet(fields: PacketFields, payload: Uint8Array): Uint8Array {
  const { from, to, ttl = 64, trafficClass = 0, id = 1, dontFragment = false, moreFragments = false, offset = 0 } = fields
  if (versionOf(from) === 6) {
    const head = [0x60 | (trafficClass >> 4), (trafficClass & 15) << 4, 0, 0, ...be16(payload.length), fields.protocol, ttl]
    return Uint8Array.from([...head, ...addressBytes(from), ...addressBytes(to), ...payload])
  }
  const flags = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | (offset >> 3)
  const head = [0x45, trafficClass, ...be16(20 + payload.length), ...be16(id), ...be16(flags), ttl, fields.protocol, 0, 0, ...addressBytes(from), ...addressBytes(to)]
  const sum = checksum(head)
  return Uint8Array.from([...head.slice(0, 10), ...be16(sum), ...head.slice(12), ...payload])
}

/** RFC 8200 4.5. */
export function fragmentHeader(next: number, offset: number, more: boolean, id: number): number[] {
  return [next, 0, ...be16(offset | (more ? 1 : 0)), ...be32(id)]
}

/** A whole payload in pieces of at most `size` bytes, a multiple of eight; the fields but the position are the same for all. */
export function fragments(fields: PacketFields, payload: Uint8Array, size: number, id: number): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let offset = 0; offset < payload.length; offset += size) pieces.push(fragment(fields, payload.subarray(offset, offset + size), offset, offset + size < payload.length, id))
  return pieces
}

export function fragment(fields: PacketFields, piece: Uint8Array, offset: number, more: boolean, id: number): Uint8Array {
  if (versionOf(fields.from) === 4) return packet({ ...fields, id, offset, moreFragments: more }, piece)
  return packet({ ...fields, protocol: protocol.fragment }, Uint8Array.from([...fragmentHeader(fields.protocol, offset, more, id), ...piece]))
}

/** Throws where the packet is not as the RFCs have it. */
export function seePacket(bytes: Uint8Array): SeenPacket {
  return (bytes[0] ?? 0) >> 4 === 4 ? seePacket4(bytes) : seePacket6(bytes)
}

function seePacket4(bytes: Uint8Array): SeenPacket {
  const flags = u16(bytes, 6)
  must(bytes[0] === 0x45, 'an IPv4 header has twenty bytes')
  must(u16(bytes, 2) === bytes.length, 'the length in the header is that of the packet')
  must(checksum(bytes.subarray(0, 20)) === 0, 'the sum of the IPv4 header is right')
  must((flags & 0x8000) === 0, 'the reserved flag is zero')
  return {
    version: 4,
    from: addressText(bytes.subarray(12, 16)),
    to: addressText(bytes.subarray(16, 20)),
    protocol: bytes[9] ?? 0,
    ttl: bytes[8] ?? 0,
    trafficClass: bytes[1] ?? 0,
    id: u16(bytes, 4),
    dontFragment: (flags & 0x4000) !== 0,
    moreFragments: (flags & 0x2000) !== 0,
    offset: (flags & 0x1fff) * 8,
    payload: bytes.slice(20),
    bytes,
  }
}

function seePacket6(bytes: Uint8Array): SeenPacket {
  must(u16(bytes, 4) === bytes.length - 40, 'the length in the header is that of the payload')
  const isFragment = bytes[6] === protocol.fragment
  const position = isFragment ? u16(bytes, 42) : 0
  return {
    version: 6,
    from: addressText(bytes.subarray(8, 24)),
    to: addressText(bytes.subarray(24, 40)),
    protocol: (isFragment ? bytes[40] : bytes[6]) ?? 0,
    ttl: bytes[7] ?? 0,
    trafficClass: (u16(bytes, 0) >> 4) & 255,
    id: isFragment ? u32(bytes, 44) : 0,
    dontFragment: true,
    moreFragments: (position & 1) !== 0,
    offset: position & ~7,
    payload: bytes.slice(isFragment ? 48 : 40),
    bytes,
  }
}

export function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`the device under test breaks a rule: ${rule}`)
}
