import { isIPv4, isIPv6 } from 'node:net'

/** The 4 or 16 bytes of an IP address in text form, in network order; undefined when it is none (zones are none). */
export function parseAddressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head = '', tail] = withHexOfDotted(text).split('::')
  const front = groupsOf(head)
  const back = groupsOf(tail ?? '')
  const bytes = new Uint8Array(16)
  writeGroups(bytes, 0, front)
  writeGroups(bytes, 16 - 2 * back.length, back)
  return bytes
}

/** The first and last address of `10.0.0.0/8`; a plain address is a range of one. Host bits may be set. */
export function parsePrefix(text: string): { from: Uint8Array; to: Uint8Array } | undefined {
  const slash = text.indexOf('/')
  const address = parseAddressBytes(slash < 0 ? text : text.slice(0, slash))
  if (!address) return undefined
  const length = slash < 0 ? address.length * 8 : parseDecimal(text.slice(slash + 1))
  if (length === undefined || length > address.length * 8) return undefined
  const from = new Uint8Array(address)
  const to = new Uint8Array(address)
  address.forEach((byte, index) => {
    const hostBits = Math.min(8, Math.max(0, (index + 1) * 8 - length))
    const host = (1 << hostBits) - 1
    from[index] = byte & ~host
    to[index] = byte | host
  })
  return { from, to }
}

/** RFC 4291 2.2.3: the last 32 bits may be written as an IPv4 address. */
function withHexOfDotted(text: string): string {
  if (!text.includes('.')) return text
  const start = text.lastIndexOf(':') + 1
  const [a = 0, b = 0, c = 0, d = 0] = text.slice(start).split('.').map(Number)
  return `${text.slice(0, start)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

function writeGroups(bytes: Uint8Array, start: number, groups: readonly number[]): void {
  groups.forEach((group, index) => {
    bytes[start + 2 * index] = group >> 8
    bytes[start + 2 * index + 1] = group & 0xff
  })
}

function parseDecimal(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined
}
