/** An IP address to calculate with. No import of Node: it runs in a browser too. */
export interface IpAddress {
  readonly family: 4 | 6
  readonly value: bigint
}

export const addressBits = { 4: 32, 6: 128 } as const

/** `undefined` for everything but the full dotted form (no `010.0.0.1`, no `1.2.3`) and RFC 4291 2.2; no zones. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (text.includes(':')) return parseIpv6(text)
  const value = parseIpv4(text)
  return value === undefined ? undefined : { family: 4, value: BigInt(value) }
}

/** Canonical text: two addresses are equal when their texts are. IPv6 by RFC 5952 (lower case, shortest, mapped ones with their IPv4 address). */
export function formatIpAddress({ family, value }: IpAddress): string {
  return family === 4 ? formatIpv4(Number(value)) : formatIpv6(value)
}

function parseIpv4(text: string): number | undefined {
  const parts = text.split('.', 5)
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return undefined
  return parts.reduce((value, part) => value * 256 + Number(part), 0)
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split('::', 3)
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : []
  if (!head || !tail) return undefined
  const zeros = 8 - head.length - tail.length
  // "::" stands for at least one group.
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return undefined
  const groups = [...head, ...Array.from({ length: zeros }, () => 0), ...tail]
  return { family: 6, value: groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n) }
}

function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':', 9)
  for (const [index, part] of parts.entries()) {
    const dotted = last && index === parts.length - 1 && part.includes('.') ? parseIpv4(part) : undefined
    if (dotted !== undefined) groups.push(dotted >>> 16, dotted & 0xffff)
    else if (/^[\da-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}

const mappedPrefix = 0xffffn

function formatIpv6(value: bigint): string {
  if (value >> 32n === mappedPrefix) return `::ffff:${formatIpv4(Number(value & 0xffff_ffffn))}`
  const groups: string[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(((value >> shift) & 0xffffn).toString(16))
  const run = longestZeroRun(groups)
  if (run.length < 2) return groups.join(':')
  return `${groups.slice(0, run.start).join(':')}::${groups.slice(run.start + run.length).join(':')}`
}

/** The first of the longest runs of zero groups (RFC 5952 4.2.3). */
function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let length = 0
  for (const [index, group] of groups.entries()) {
    length = group === '0' ? length + 1 : 0
    if (length > best.length) best = { start: index + 1 - length, length }
  }
  return best
}
