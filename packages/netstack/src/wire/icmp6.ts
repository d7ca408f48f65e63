import { readU16, readU32, writeU16, writeU32 } from './big-endian.ts'
import type { DropCounts } from './drop-counts.ts'
import { icmpHeaderBytes, type IcmpEcho, type IcmpError, type IcmpMessage } from './icmp.ts'
import { readIpv6Address, writeAddress } from './ip-address.ts'

const type = {
  unreachable: 1,
  tooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
} as const

/** Codes of "destination unreachable" that we send (RFC 4443 3.1). */
export const unreachable6 = { prohibited: 1, address: 3, port: 4 } as const

/** Header and target address, without options: a tunnel's interface has no link-layer address to tell (RFC 4861 4.3). */
const neighbourBytes = 24
/** "Solicited" (RFC 4861 4.4). */
const solicitedFlag = 0x4000_0000

/**
 * Reads a message without looking at its sum. Of neighbour discovery only what a host on a tunnel may be asked: router solicitations
 * and multicast listener reports, which kernels send into every interface, are counted as `icmp.type` and ignored.
 */
export function parseIcmp6(bytes: Uint8Array, offset: number, length: number, drops?: DropCounts): IcmpMessage | undefined {
  if (length < icmpHeaderBytes || offset + length > bytes.length) return drops?.count('icmp.short')
  const code = bytes[offset + 1] ?? 0
  const value = readU32(bytes, offset + 4)
  const rest = bytes.subarray(offset + icmpHeaderBytes, offset + length)
  switch (bytes[offset]) {
    case type.unreachable:
      return { kind: 'unreachable', code, value: 0, quote: rest }
    case type.tooBig:
      return { kind: 'too-big', code, value, quote: rest }
    case type.timeExceeded:
      return { kind: 'time-exceeded', code, value: 0, quote: rest }
    case type.parameterProblem:
      return { kind: 'parameter-problem', code, value, quote: rest }
    case type.echoRequest:
      return { kind: 'echo-request', identifier: value >>> 16, sequence: readU16(bytes, offset + 6), data: rest }
    case type.echoReply:
      return { kind: 'echo-reply', identifier: value >>> 16, sequence: readU16(bytes, offset + 6), data: rest }
    case type.neighbourSolicitation:
    case type.neighbourAdvertisement:
      if (length < neighbourBytes) return drops?.count('icmp.short')
      return { kind: bytes[offset] === type.neighbourSolicitation ? 'neighbour-solicitation' : 'neighbour-advertisement', target: readIpv6Address(bytes, offset + 8) }
    default:
      return drops?.count('icmp.type')
  }
}

/** Writes what stands before the data or the quote, without the sum, and returns its length: 8, or 24 for neighbours. */
export function encodeIcmp6Header(message: IcmpMessage, into: Uint8Array, at = 0): number {
  switch (message.kind) {
    case 'echo-request':
      return writeEcho(type.echoRequest, message, into, at)
    case 'echo-reply':
      return writeEcho(type.echoReply, message, into, at)
    case 'unreachable':
      return writeError(type.unreachable, message, into, at)
    case 'too-big':
      return writeError(type.tooBig, message, into, at)
    case 'time-exceeded':
      return writeError(type.timeExceeded, message, into, at)
    case 'parameter-problem':
      return writeError(type.parameterProblem, message, into, at)
    default:
      writeU32(into, at, (message.kind === 'neighbour-solicitation' ? type.neighbourSolicitation : type.neighbourAdvertisement) << 24)
      writeU32(into, at + 4, message.kind === 'neighbour-solicitation' ? 0 : solicitedFlag)
      writeAddress(message.target, into, at + icmpHeaderBytes)
      return neighbourBytes
  }
}

function writeEcho(value: number, message: IcmpEcho, into: Uint8Array, at: number): number {
  writeU32(into, at, value << 24)
  writeU16(into, at + 4, message.identifier)
  writeU16(into, at + 6, message.sequence)
  return icmpHeaderBytes
}

function writeError(value: number, message: IcmpError, into: Uint8Array, at: number): number {
  writeU32(into, at, (value << 24) | (message.code << 16))
  writeU32(into, at + 4, message.value)
  return icmpHeaderBytes
}
