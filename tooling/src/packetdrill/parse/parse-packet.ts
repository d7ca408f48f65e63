import type { Ports, ScriptDatagram, ScriptIcmp, ScriptPacket, ScriptSegment, ScriptTcpOption } from '../script.ts'
import type { Cursor } from './cursor.ts'

const maxOptionBytes = 40

/** What follows `<` or `>`: a segment as tcpdump writes it, `icmp ...` or `udp (length)`. */
export function parsePacket(cursor: Cursor, direction: 'in' | 'out'): ScriptPacket {
  if (cursor.take('[')) cursor.fail('ECN, TTL and TOS are not supported')
  if (cursor.match(/icmp\b/y)) return parseIcmp(cursor)
  if (cursor.match(/udp\b/y)) return parseDatagram(cursor)
  for (const protocol of ['gre', 'mpls', 'psp', 'ipv4', 'ipv6']) {
    if (cursor.match(new RegExp(`${protocol}\\b`, 'y'))) cursor.fail(`packets of ${protocol} are not supported`)
  }
  return parseSegment(cursor, direction)
}

function parseSegment(cursor: Cursor, direction: 'in' | 'out'): ScriptSegment {
  const ports = parsePorts(cursor)
  const [flags] = cursor.needMatch(/[SFRPEWU.]+|-/y, 'flags of "SFRPUEW.", or "-" for none')
  const { seq, length } = parseRange(cursor)
  const ack = cursor.match(/ack\b/y) ? cursor.needNumber('a number after "ack"') : undefined
  const window = cursor.match(/win\b/y) ? cursor.needNumber('a number after "win"') : undefined
  const urgent = cursor.match(/urg\b/y) ? cursor.needNumber('a number after "urg"') : undefined
  if (direction === 'in' && window === undefined) cursor.fail('a packet to the stack needs a window: "win 1000"')
  return { protocol: 'tcp', ports, flags: flags === '-' ? '' : flags, seq, length, ack, window, urgent, options: parseTcpOptions(cursor, direction) }
}

function parsePorts(cursor: Cursor): Ports | undefined {
  const found = cursor.match(/(\d+)\s*>\s*(\d+)\b/y)
  return found && { source: Number(found[1]), destination: Number(found[2]) }
}

function parseRange(cursor: Cursor): { seq: number; length: number } {
  const [, start, end, bytes] = cursor.needMatch(/(\d+):(\d+)\((\d+)\)/y, 'numbers as in "1:1001(1000)"')
  const seq = Number(start)
  const length = Number(bytes)
  if (((seq + length) >>> 0) !== Number(end) >>> 0) cursor.fail(`${start}:${end}(${bytes}) does not add up: ${start} and ${bytes} are ${seq + length}`)
  return { seq, length }
}

function parseTcpOptions(cursor: Cursor, direction: 'in' | 'out'): ScriptSegment['options'] {
  if (!cursor.take('<')) return []
  if (cursor.take('...')) {
    if (direction === 'in') cursor.fail('<...> stands only for options that the stack sends')
    cursor.need('>')
    return 'any'
  }
  const options: ScriptTcpOption[] = []
  while (!cursor.take('>')) {
    if (options.length > 0) cursor.need(',', '"," or ">" after an option')
    options.push(parseTcpOption(cursor))
  }
  if (encodedBytes(options) % 4 !== 0) cursor.fail(`options of ${encodedBytes(options)} bytes: fill them up with "nop" to a multiple of four`)
  if (encodedBytes(options) > maxOptionBytes) cursor.fail(`options of ${encodedBytes(options)} bytes: there is room for ${maxOptionBytes}`)
  return options
}

function parseTcpOption(cursor: Cursor): ScriptTcpOption {
  const [, name] = cursor.needMatch(/(mss|wscale|sackOK|sack|TS|nop|eol|\w+)\b/y, 'an option of TCP')
  if (name === 'nop' || name === 'eol' || name === 'sackOK') return { kind: name }
  if (name === 'mss' || name === 'wscale') return { kind: name, value: cursor.needNumber(`a number after "${name}"`) }
  if (name === 'TS') {
    cursor.need('val')
    const value = cursor.needNumber('a number after "val"')
    cursor.need('ecr')
    return { kind: 'TS', value, echo: cursor.needNumber('a number after "ecr"') }
  }
  if (name !== 'sack') cursor.fail(`the option "${name}" is not supported`)
  const blocks: [number, number][] = []
  for (let found = cursor.match(/(\d+):(\d+)/y); found; found = cursor.match(/(\d+):(\d+)/y)) blocks.push([Number(found[1]), Number(found[2])])
  if (blocks.length === 0) cursor.fail('"sack" without blocks as in "sack 1001:2001"')
  return { kind: 'sack', blocks }
}

/** Bytes of options on the wire, without the padding at their end. */
function encodedBytes(options: readonly ScriptTcpOption[]): number {
  const lengths = { nop: 1, eol: 1, sackOK: 2, mss: 4, wscale: 3, TS: 10 } as const
  return options.reduce((sum, option) => sum + (option.kind === 'sack' ? 2 + 8 * option.blocks.length : lengths[option.kind]), 0)
}

function parseIcmp(cursor: Cursor): ScriptIcmp {
  const [type] = cursor.needMatch(/[a-z_]+/y, 'a type of ICMP, as in "unreachable"')
  const code = cursor.match(/(?!mtu\b)[a-z_]+/y)?.[0]
  const mtu = cursor.match(/mtu\b/y) ? cursor.needNumber('a number after "mtu"') : undefined
  if (!cursor.take('[')) return { protocol: 'icmp', type, code, mtu, quoted: { seq: 0, length: 0 } }
  const quoted = parseRange(cursor)
  cursor.need(']')
  return { protocol: 'icmp', type, code, mtu, quoted }
}

function parseDatagram(cursor: Cursor): ScriptDatagram {
  const ports = parsePorts(cursor)
  const [, length] = cursor.needMatch(/\((\d+)\)/y, 'a length as in "(1000)"')
  return { protocol: 'udp', ports, length: Number(length) }
}
