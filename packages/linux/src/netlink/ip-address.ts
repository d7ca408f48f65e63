import { isIPv4, isIPv6 } from 'node:net'

/** 4 or 16 bytes in network order; `undefined` for anything that is no address. A zone (`%eth0`) is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  return isIPv6(text) && !text.includes('%') ? parseIpv6(text) : undefined
}

function parseIpv6(text: string): Uint8Array {
  const bytes = new Uint8Array(16)
  const [head = '', tail] = text.split('::')
  bytes.set(groupBytes(head), 0)
  if (tail !== undefined) {
    const end = groupBytes(tail)
    bytes.set(end, 16 - end.length)
  }
  return bytes
}

function groupBytes(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

/** The text form that the kernel's own tools print (RFC 5952). Takes 4 or 16 bytes. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join('.')}`
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0))
  const { start, length } = longestZeros(groups)
  const text = (from: number, to: number): string => groups.slice(from, to).map((group) => group.toString(16)).join(':')
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0)
}

// RFC 5952 4.2: the longest run of zero groups, the first of equal ones, and never a single one.
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let end = start
    while (groups[end] === 0) end++
    if (end - start > best.length) best = { start, length: end - start }
    start = Math.max(start, end)
  }
  return best
}

export interface Prefix {
  readonly family: 4 | 6
  /** Bits behind the prefix are zero. */
  readonly bytes: Uint8Array
  readonly length: number
}

/** `10.0.0.0/8`, or an address as a prefix of its own. Bits behind the prefix are cleared. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = '', suffix, ...rest] = text.split('/')
  const bytes = parseAddress(address)
  if (!bytes || rest.length > 0 || (suffix !== undefined && !/^\d{1,3}$/.test(suffix))) return undefined
  const length = suffix === undefined ? bytes.length * 8 : Number(suffix)
  if (length > bytes.length * 8) return undefined
  bytes.forEach((byte, index) => {
    const kept = Math.min(8, Math.max(0, length - index * 8))
    bytes[index] = byte & (0xff00 >> kept)
  })
  return { family: bytes.length === 4 ? 4 : 6, bytes, length }
}

export function formatPrefix(bytes: Uint8Array, length: number): string {
  return `${formatAddress(bytes)}/${length}`
}
