import { concat, headerSum, view } from './bytes.ts'

// The runner has bytes of its own, apart from those of the stack: what is wrong there must not be wrong here in the same way.

export const protocols = { icmp4: 1, tcp: 6, udp: 17, icmp6: 58 } as const

export interface Ip {
  readonly version: 4 | 6
  readonly protocol: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly payload: Uint8Array
}

/** IPv4 or IPv6 address as bytes; of IPv6 only forms with all or one `::`. */
export function addressBytes(text: string): Uint8Array {
  if (!text.includes(':')) return Uint8Array.from(text.split('.'), Number)
  const [head = '', tail = ''] = text.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const zeros = text.includes('::') ? Array.from({ length: 8 - groups(head).length - groups(tail).length }, () => '0') : []
  return Uint8Array.from([...groups(head), ...zeros, ...groups(tail)].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]))
}

export function encodeIp({ version, protocol, source, destination, payload }: Ip): Uint8Array {
  const header = new Uint8Array(version === 4 ? 20 : 40)
  const fields = view(header)
  if (version === 6) {
    header[0] = 0x60
    fields.setUint16(4, payload.length)
    header[6] = protocol
    header[7] = 64
    header.set(source, 8)
    header.set(destination, 24)
    return concat(header, payload)
  }
  header[0] = 0x45
  fields.setUint16(2, 20 + payload.length)
  fields.setUint16(6, 0x4000)
  header[8] = 64
  header[9] = protocol
  header.set(source, 12)
  header.set(destination, 16)
  fields.setUint16(10, headerSum(header))
  return concat(header, payload)
}

/** Undefined for what is no whole packet without options, fragments and extension headers, as the stack sends none here. */
export function parseIp(bytes: Uint8Array): Ip | undefined {
  const version = (bytes[0] ?? 0) >> 4
  if (version === 6 && bytes.length >= 40) {
    const payload = bytes.subarray(40, 40 + view(bytes).getUint16(4))
    return { version, protocol: bytes[6] ?? 0, source: bytes.subarray(8, 24), destination: bytes.subarray(24, 40), payload }
  }
  if (bytes[0] !== 0x45 || bytes.length < 20 || headerSum(bytes.subarray(0, 20)) !== 0) return undefined
  const payload = bytes.subarray(20, view(bytes).getUint16(2))
  return { version: 4, protocol: bytes[9] ?? 0, source: bytes.subarray(12, 16), destination: bytes.subarray(16, 20), payload }
}
