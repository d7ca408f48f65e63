import { be16, be32, bytesOf, checksum, must, packet, protocol, pseudoHeader, text, u16, u32, type SeenPacket } from './packet.ts'

const flagBits = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 } as const

/** TCP options by name; those that are not there are left out. */
export interface SegmentOptions {
  readonly mss?: number
  readonly windowScale?: number
  readonly sackPermitted?: boolean
  readonly sack?: readonly (readonly [number, number])[]
  readonly time?: readonly [value: number, echo: number]
}

export interface SegmentFields extends SegmentOptions {
  readonly from: string
  readonly to: string
  readonly fromPort: number
  readonly toPort: number
  /** Words such as `SYN ACK`. */
  readonly flags: string
  readonly seq: number
  readonly ack: number
  readonly window: number
  readonly text?: string | Uint8Array
  readonly urgent?: number
  readonly trafficClass?: number
  /** Makes the sum wrong. */
  readonly corrupt?: boolean
}

export interface SeenSegment extends SegmentOptions {
  readonly fromPort: number
  readonly toPort: number
  /** Without PSH, which everybody sets as he likes. */
  readonly flags: string
  readonly push: boolean
  readonly seq: number
  readonly ack: number
  readonly window: number
  readonly text: string
  readonly urgent: number
}

function optionBytes({ mss, windowScale, sackPermitted, sack, time }: SegmentOptions): number[] {
  const bytes = [
    ...(mss === undefined ? [] : [2, 4, ...be16(mss)]),
    ...(sackPermitted ? [1, 1, 4, 2] : []),
    ...(time ? [1, 1, 8, 10, ...be32(time[0]), ...be32(time[1])] : []),
    ...(windowScale === undefined ? [] : [1, 3, 3, windowScale]),
    ...(sack && sack.length > 0 ? [1, 1, 5, 2 + 8 * sack.length, ...sack.flatMap(([start, end]) => [...be32(start), ...be32(end)])] : []),
  ]
  return bytes
}

/** A packet with one segment. */
export function segmentPacket(fields: SegmentFields): Uint8Array {
  const { from, to, fromPort, toPort, seq, ack, window, urgent = 0, trafficClass = 0, corrupt = false } = fields
  const options = optionBytes(fields)
  const bits = fields.flags.split(' ').reduce((sum, name) => sum | (flagBits[name as keyof typeof flagBits] ?? 0), 0)
  const head = [...be16(fromPort), ...be16(toPort), ...be32(seq), ...be32(ack), ((20 + options.length) / 4) << 4, bits, ...be16(window), 0, 0, ...be16(urgent), ...options]
  const bytes = Uint8Array.from([...head, ...bytesOf(fields.text ?? '')])
  bytes.set(be16(checksum(pseudoHeader(from, to, protocol.tcp, bytes.length), bytes) ^ (corrupt ? 1 : 0)), 16)
  return packet({ from, to, protocol: protocol.tcp, trafficClass }, bytes)
}

export function seeSegment({ from, to, payload }: SeenPacket): SeenSegment {
  must(checksum(pseudoHeader(from, to, protocol.tcp, payload.length), payload) === 0, 'the sum of a segment is right (MUST-2)')
  const headBytes = ((payload[12] ?? 0) >> 4) * 4
  must(((payload[12] ?? 0) & 15) === 0, 'the reserved bits are zero')
  const bits = payload[13] ?? 0
  return {
    fromPort: u16(payload, 0),
    toPort: u16(payload, 2),
    seq: u32(payload, 4),
    ack: u32(payload, 8),
    flags: Object.entries(flagBits).filter(([name, bit]) => name !== 'PSH' && (bits & bit) !== 0).map(([name]) => name).join(' '),
    push: (bits & flagBits.PSH) !== 0,
    window: u16(payload, 14),
    urgent: u16(payload, 18),
    text: text(payload.subarray(headBytes)),
    ...seeOptions(payload.subarray(20, headBytes)),
  }
}

function seeOptions(bytes: Uint8Array): SegmentOptions {
  const seen: { -readonly [K in keyof SegmentOptions]: SegmentOptions[K] } = {}
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at]
    if (kind === 0) {
      must(bytes.subarray(at).every((byte) => byte === 0), 'behind the end of options there are zeros (MUST-69)')
      break
    }
    if (kind === 1) {
      at += 1
      continue
    }
    const length = bytes[at + 1] ?? 0
    must(length >= 2 && at + length <= bytes.length, 'options have lengths (MUST-68)')
    if (kind === 2) seen.mss = u16(bytes, at + 2)
    if (kind === 3) seen.windowScale = bytes[at + 2] ?? 0
    if (kind === 4) seen.sackPermitted = true
    if (kind === 5) seen.sack = Array.from({ length: (length - 2) / 8 }, (_, i) => [u32(bytes, at + 2 + 8 * i), u32(bytes, at + 6 + 8 * i)] as const)
    if (kind === 8) seen.time = [u32(bytes, at + 2), u32(bytes, at + 6)]
    at += length
  }
  return seen
}
