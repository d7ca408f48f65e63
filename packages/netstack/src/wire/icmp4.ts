import { readU16, writeU16, writeU32 } from './big-endian.ts'
import type { DropCounts } from './drop-counts.ts'
import { icmpHeaderBytes, type IcmpEcho, type IcmpError, type IcmpMessage } from './icmp.ts'

const type = { echoReply: 0, unreachable: 3, echoRequest: 8, timeExceeded: 11, parameterProblem: 12 } as const

/** Codes of "destination unreachable" that we send (RFC 792, RFC 1812 5.2.7.1). */
export const unreachable4 = { host: 1, protocol: 2, port: 3, fragmentationNeeded: 4, prohibited: 13 } as const

/** Reads a message without looking at its sum. Others than echo and errors are counted and ignored (RFC 1122 3.2.2). */
export function parseIcmp4(bytes: Uint8Array, offset: number, length: number, drops?: DropCounts): IcmpMessage | undefined {
  if (length < icmpHeaderBytes || offset + length > bytes.length) return drops?.count('icmp.short')
  const code = bytes[offset + 1] ?? 0
  const rest = bytes.subarray(offset + icmpHeaderBytes, offset + length)
  switch (bytes[offset]) {
    case type.echoRequest:
      return echo('echo-request', bytes, offset, rest)
    case type.echoReply:
      return echo('echo-reply', bytes, offset, rest)
    case type.unreachable:
      if (code === unreachable4.fragmentationNeeded) return { kind: 'too-big', code, value: readU16(bytes, offset + 6), quote: rest }
      return { kind: 'unreachable', code, value: 0, quote: rest }
    case type.timeExceeded:
      return { kind: 'time-exceeded', code, value: 0, quote: rest }
    case type.parameterProblem:
      return { kind: 'parameter-problem', code, value: bytes[offset + 4] ?? 0, quote: rest }
    default:
      return drops?.count('icmp.type')
  }
}

function echo(kind: IcmpEcho['kind'], bytes: Uint8Array, offset: number, data: Uint8Array): IcmpEcho {
  return { kind, identifier: readU16(bytes, offset + 4), sequence: readU16(bytes, offset + 6), data }
}

/** Writes the eight bytes before the data or the quote, without the sum. Neighbours are IPv6's: nothing is written for them. */
export function encodeIcmp4Header(message: IcmpMessage, into: Uint8Array, at = 0): number {
  switch (message.kind) {
    case 'echo-request':
      return writeEcho(type.echoRequest, message, into, at)
    case 'echo-reply':
      return writeEcho(type.echoReply, message, into, at)
    case 'too-big':
      return writeError(type.unreachable, message, message.value & 0xffff, into, at)
    case 'unreachable':
      return writeError(type.unreachable, message, 0, into, at)
    case 'time-exceeded':
      return writeError(type.timeExceeded, message, 0, into, at)
    case 'parameter-problem':
      return writeError(type.parameterProblem, message, message.value << 24, into, at)
    default:
      return 0
  }
}

function writeEcho(value: number, message: IcmpEcho, into: Uint8Array, at: number): number {
  writeU32(into, at, value << 24)
  writeU16(into, at + 4, message.identifier)
  writeU16(into, at + 6, message.sequence)
  return icmpHeaderBytes
}

function writeError(value: number, message: IcmpError, word: number, into: Uint8Array, at: number): number {
  writeU32(into, at, (value << 24) | (message.code << 16))
  writeU32(into, at + 4, word)
  return icmpHeaderBytes
}
