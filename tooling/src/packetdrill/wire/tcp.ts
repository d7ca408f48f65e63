import type { ScriptTcpOption } from '../script.ts'
import { concat, view } from './bytes.ts'

/** A segment as it is on the wire; flags as scripts write them. */
export interface WireSegment {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly seq: number
  readonly ack: number
  readonly flags: string
  readonly window: number
  readonly urgent: number
  readonly options: readonly ScriptTcpOption[]
  readonly payload: Uint8Array
}

const letters = 'FSRP.UEW'

/** Without its sum. */
export function encodeSegment({ sourcePort, destinationPort, seq, ack, flags, window, urgent, options, payload }: WireSegment): Uint8Array {
  const encoded = concat(...options.map(encodeOption))
  const header = new Uint8Array(20 + Math.ceil(encoded.length / 4) * 4)
  const fields = view(header)
  fields.setUint16(0, sourcePort)
  fields.setUint16(2, destinationPort)
  fields.setUint32(4, seq)
  fields.setUint32(8, ack)
  header[12] = (header.length / 4) << 4
  header[13] = [...flags].reduce((bits, letter) => bits | (1 << letters.indexOf(letter)), 0)
  fields.setUint16(14, window)
  fields.setUint16(18, urgent)
  header.set(encoded, 20)
  return concat(header, payload)
}

function encodeOption(option: ScriptTcpOption): Uint8Array {
  const numbers = (kind: number, ...values: number[]): Uint8Array => {
    const bytes = new Uint8Array(2 + 4 * values.length)
    bytes[0] = kind
    bytes[1] = bytes.length
    for (const [index, value] of values.entries()) view(bytes).setUint32(2 + 4 * index, value)
    return bytes
  }
  switch (option.kind) {
    case 'eol':
      return Uint8Array.of(0)
    case 'nop':
      return Uint8Array.of(1)
    case 'mss':
      return Uint8Array.of(2, 4, option.value >> 8, option.value & 0xff)
    case 'wscale':
      return Uint8Array.of(3, 3, option.value)
    case 'sackOK':
      return numbers(4)
    case 'sack':
      return numbers(5, ...option.blocks.flat())
    case 'TS':
      return numbers(8, option.value, option.echo)
  }
}

export function parseSegment(bytes: Uint8Array): WireSegment | undefined {
  const headerBytes = ((bytes[12] ?? 0) >> 4) * 4
  if (bytes.length < 20 || headerBytes < 20 || headerBytes > bytes.length) return undefined
  const fields = view(bytes)
  const bits = bytes[13] ?? 0
  return {
    sourcePort: fields.getUint16(0),
    destinationPort: fields.getUint16(2),
    seq: fields.getUint32(4),
    ack: fields.getUint32(8),
    flags: [...letters].filter((_, index) => (bits & (1 << index)) !== 0).join(''),
    window: fields.getUint16(14),
    urgent: fields.getUint16(18),
    options: parseOptions(bytes.subarray(20, headerBytes)),
    payload: bytes.subarray(headerBytes),
  }
}

/** What the stack sends is well formed, or it shows as options that differ. */
function parseOptions(bytes: Uint8Array): ScriptTcpOption[] {
  const options: ScriptTcpOption[] = []
  const fields = view(bytes)
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at] ?? 0
    const length = kind < 2 ? 1 : (bytes[at + 1] ?? 0)
    if (length === 0 || at + length > bytes.length) break
    const option = parseOption(kind, length, fields, at)
    if (option) options.push(option)
    at += length
  }
  return options
}

function parseOption(kind: number, length: number, fields: DataView, at: number): ScriptTcpOption | undefined {
  switch (kind) {
    case 0:
      return { kind: 'eol' }
    case 1:
      return { kind: 'nop' }
    case 2:
      return { kind: 'mss', value: fields.getUint16(at + 2) }
    case 3:
      return { kind: 'wscale', value: fields.getUint8(at + 2) }
    case 4:
      return { kind: 'sackOK' }
    case 5: {
      const blocks = Array.from({ length: (length - 2) / 8 }, (_, index) => [fields.getUint32(at + 2 + 8 * index), fields.getUint32(at + 6 + 8 * index)] as const)
      return { kind: 'sack', blocks }
    }
    case 8:
      return { kind: 'TS', value: fields.getUint32(at + 2), echo: fields.getUint32(at + 6) }
    default:
      return undefined
  }
}
