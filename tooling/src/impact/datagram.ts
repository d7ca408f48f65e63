import { be16, bytesOf, checksum, must, packet, protocol, pseudoHeader, u16, versionOf, type SeenPacket } from './packet.ts'

export interface DatagramFields {
  readonly from: string
  readonly to: string
  readonly fromPort: number
  readonly toPort: number
}

export interface SeenDatagram {
  readonly fromPort: number
  readonly toPort: number
  readonly data: Uint8Array
}

/** Header and data of UDP: the payload of one packet, or of many fragments. */
export function datagramBytes({ from, to, fromPort, toPort }: DatagramFields, data: string | Uint8Array): Uint8Array {
  const content = bytesOf(data)
  const bytes = Uint8Array.from([...be16(fromPort), ...be16(toPort), ...be16(8 + content.length), 0, 0, ...content])
  bytes.set(be16(checksum(pseudoHeader(from, to, protocol.udp, bytes.length), bytes) || 0xffff), 6)
  return bytes
}

export const datagramPacket = (fields: DatagramFields, data: string | Uint8Array): Uint8Array => packet({ ...fields, protocol: protocol.udp }, datagramBytes(fields, data))

export function seeDatagram({ from, to, payload }: Pick<SeenPacket, 'from' | 'to' | 'payload'>): SeenDatagram {
  must(u16(payload, 4) === payload.length, 'the length of a datagram is right')
  must(checksum(pseudoHeader(from, to, protocol.udp, payload.length), payload) === 0, 'the sum of a datagram is right')
  return { fromPort: u16(payload, 0), toPort: u16(payload, 2), data: payload.slice(8) }
}

export interface IcmpFields {
  readonly from: string
  readonly to: string
  readonly type: number
  readonly code?: number
  /** The second word of the header. */
  readonly rest?: readonly number[]
}

/** What a message says behind its eight bytes. */
export interface SeenIcmp {
  readonly type: number
  readonly code: number
  readonly rest: Uint8Array
  readonly data: Uint8Array
}

export function icmpBytes({ from, to, type, code = 0, rest = [0, 0, 0, 0] }: IcmpFields, data: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from([type, code, 0, 0, ...rest, ...data])
  const pseudo = versionOf(from) === 6 ? pseudoHeader(from, to, protocol.icmp6, bytes.length) : new Uint8Array(0)
  bytes.set(be16(checksum(pseudo, bytes)), 2)
  return bytes
}

export const icmpProtocol = (address: string): number => (versionOf(address) === 4 ? protocol.icmp4 : protocol.icmp6)

export const icmpPacket = (fields: IcmpFields, data: Uint8Array): Uint8Array => packet({ ...fields, protocol: icmpProtocol(fields.from) }, icmpBytes(fields, data))

export function seeIcmp({ version, from, to, payload }: Pick<SeenPacket, 'version' | 'from' | 'to' | 'payload'>): SeenIcmp {
  const pseudo = version === 6 ? pseudoHeader(from, to, protocol.icmp6, payload.length) : new Uint8Array(0)
  must(checksum(pseudo, payload) === 0, 'the sum of an ICMP message is right')
  return { type: payload[0] ?? 0, code: payload[1] ?? 0, rest: payload.slice(4, 8), data: payload.slice(8) }
}
