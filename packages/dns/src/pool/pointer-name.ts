import { formatIpAddress } from '@tunnel/flow'

const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/
const v6 = /^((?:[\da-f]\.){32})ip6\.arpa$/

/** The address of `2.0.64.100.in-addr.arpa` (RFC 1035 3.5) or of the nibbles below `ip6.arpa` (RFC 3596 2.5). */
export function parsePointerName(key: string): string | undefined {
  if (!key.endsWith('.arpa')) return undefined
  const [, d, c, b, a] = v4.exec(key) ?? []
  if (a !== undefined) return `${a}.${b}.${c}.${d}`
  const nibbles = v6.exec(key)?.[1]
  if (nibbles === undefined) return undefined
  return formatIpAddress({ family: 6, value: BigInt(`0x${nibbles.split('.').toReversed().join('')}`) })
}
