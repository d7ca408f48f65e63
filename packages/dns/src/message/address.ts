import type { ByteWriter } from './byte-writer.ts'

/** Writes `10.0.0.5` as four bytes. False, with nothing written, for what is no IPv4 address. Called for each answer: no object is made. */
export function writeIpv4(writer: ByteWriter, text: string): boolean {
  let value = 0
  let octet = -1
  let octets = 0
  for (let at = 0; at <= text.length; at += 1) {
    const code = at === text.length ? 0x2e : text.charCodeAt(at)
    if (code === 0x2e) {
      if (octet < 0) return false
      value = value * 256 + octet
      octets += 1
      octet = -1
    } else if (code < 0x30 || code > 0x39 || octet === 0) return false
    else octet = Math.max(octet, 0) * 10 + code - 0x30
    if (octet > 255 || octets > 4) return false
  }
  if (octets !== 4) return false
  writer.u32(value)
  return true
}

/** Writes `2001:db8::5` (RFC 4291 2.2, no zone) as sixteen bytes. False, with nothing written, for what is no IPv6 address. */
export function writeIpv6(writer: ByteWriter, text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  const head = groupsOf(halves[0] ?? '')
  const tail = groupsOf(halves[1] ?? '')
  if (!head || !tail) return false
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return false
  for (const group of head) writer.u16(group)
  for (let index = 0; index < missing; index += 1) writer.u16(0)
  for (const group of tail) writer.u16(group)
  return true
}

function groupsOf(text: string): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const dotted = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(part)
    if (dotted && index === parts.length - 1) {
      const [a = 256, b = 256, c = 256, d = 256] = dotted.slice(1).map(Number)
      if (Math.max(a, b, c, d) > 255) return undefined
      groups.push(a * 256 + b, c * 256 + d)
    } else if (/^[\da-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups.length > 8 ? undefined : groups
}

export function ipv4Text(bytes: Uint8Array): string {
  return bytes.join('.')
}

/** The form of RFC 5952: lower case, the first longest run of two or more zero groups as `::`. */
export function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[index * 2] ?? 0) * 256 + (bytes[index * 2 + 1] ?? 0))
  let start = -1
  let longest = 1
  let run = 0
  for (const [index, group] of groups.entries()) {
    run = group === 0 ? run + 1 : 0
    if (run > longest) [longest, start] = [run, index - run + 1]
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  return start < 0 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + longest))}`
}
