import { view, concat } from './bytes.ts'

const unreachable4 = ['net_unreachable', 'host_unreachable', 'protocol_unreachable', 'port_unreachable', 'frag_needed', 'source_route_failed'] as const
const prohibited4 = { net_prohibited: 9, host_prohibited: 10, packet_filtered: 13 } as const
const unreachable6 = ['no_route', 'admin_prohibited', 'not_neighbour', 'address_unreachable', 'port_unreachable'] as const

/** Type and code of the words of a script; undefined for words that `version` does not have. */
export function icmpNumbers(version: 4 | 6, type: string, code: string | undefined): { readonly type: number; readonly code: number } | undefined {
  if (version === 4 && type === 'unreachable') {
    const index = code === undefined ? 0 : unreachable4.indexOf(code as (typeof unreachable4)[number])
    const number = index >= 0 ? index : prohibited4[code as keyof typeof prohibited4]
    return number === undefined ? undefined : { type: 3, code: number }
  }
  if (version === 6 && type === 'unreachable') {
    const index = code === undefined ? 0 : unreachable6.indexOf(code as (typeof unreachable6)[number])
    return index < 0 ? undefined : { type: 1, code: index }
  }
  if (version === 6 && type === 'packet_too_big' && code === undefined) return { type: 2, code: 0 }
  if (type === 'time_exceeded' && code === undefined) return { type: version === 4 ? 11 : 3, code: 0 }
  return undefined
}

/** An error about `quoted`, without its sum. */
export function encodeIcmp(version: 4 | 6, { type, code }: { type: number; code: number }, mtu: number, quoted: Uint8Array): Uint8Array {
  const header = Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0)
  if (version === 4) view(header).setUint16(6, mtu)
  else view(header).setUint32(4, mtu)
  return concat(header, quoted)
}
