import { formatAddress, parseAddress, parsePrefix, type Prefix } from '../../netlink/ip-address.ts'
import { firewallError } from '../firewall-error.ts'
import { addressType, ipProtocol, protocolFamily } from './kernel-numbers.ts'
import { hostWord } from './message-writer.ts'

/** The types of values, by nft's own words (`nft describe inet_service`). */
export type FieldType =
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'inet_proto'
  | 'inet_service'
  | 'nf_proto'
  | 'mark'
  | 'ifname'
  | 'fib_addrtype'
  | 'ct_dir'
  | 'boolean'

/** How one value of each type is written: an address also as a prefix (`10.0.0.0/8`), a protocol also as a number. */
export interface FieldValues {
  readonly ipv4_addr: string
  readonly ipv6_addr: string
  readonly inet_proto: keyof typeof ipProtocol | number
  readonly inet_service: number
  readonly nf_proto: keyof typeof protocolFamily
  readonly mark: number
  readonly ifname: string
  readonly fib_addrtype: keyof typeof addressType
  readonly ct_dir: 'original' | 'reply'
  readonly boolean: boolean
}

export type Range<T> = { readonly from: T; readonly to: T }
export type FieldValue = string | number | boolean
/** A value, or all from one to another, both included. */
export type FieldOperand = FieldValue | Range<FieldValue>

/** First and last value as the kernel holds them. */
export interface FieldBytes {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

export function isSingle({ from, to }: FieldBytes): boolean {
  return from === to || Buffer.compare(from, to) === 0
}

interface Field {
  /** The number by which nft knows the type (its `enum datatypes`); it stands in a set, for nft to show it. */
  readonly typeId: number
  readonly bytes: number
  /** Marks and the like lie in the host's byte order; a range of them would not be one of their bytes. */
  readonly hostOrder?: boolean
  /** nft writes names in quotes. */
  readonly quoted?: boolean
  readonly encode: (value: FieldValue) => Uint8Array | undefined
}

const fields: Readonly<Record<FieldType, Field>> = {
  ipv4_addr: { typeId: 7, bytes: 4, encode: addressOf(4) },
  ipv6_addr: { typeId: 8, bytes: 16, encode: addressOf(16) },
  inet_proto: { typeId: 12, bytes: 1, encode: (value) => number8(typeof value === 'string' ? named(ipProtocol, value) : value) },
  inet_service: { typeId: 13, bytes: 2, encode: number16 },
  nf_proto: { typeId: 2, bytes: 1, encode: (value) => number8(named(protocolFamily, value)) },
  mark: { typeId: 19, bytes: 4, hostOrder: true, encode: number32 },
  ifname: { typeId: 41, bytes: 16, hostOrder: true, quoted: true, encode: interfaceName },
  fib_addrtype: { typeId: 38, bytes: 4, hostOrder: true, encode: (value) => number32(named(addressType, value)) },
  ct_dir: { typeId: 27, bytes: 1, encode: (value) => number8(['original', 'reply'].indexOf(String(value))) },
  boolean: { typeId: 39, bytes: 1, encode: (value) => (typeof value === 'boolean' ? number8(Number(value)) : undefined) },
}

export function describeField(type: FieldType): Field {
  return fields[type]
}

/** Throws `firewall.malformed` for what is no value of the type, or no range from the smaller to the larger one. */
export function encodeOperand(type: FieldType, operand: FieldOperand): FieldBytes {
  if (typeof operand === 'object') return encodeRange(type, operand)
  if (typeof operand === 'string' && operand.includes('/')) {
    const prefix = parsePrefix(operand)
    if (prefix?.bytes.length !== fields[type].bytes) throw malformed(type, operand)
    return { from: prefix.bytes, to: lastAddress(prefix) }
  }
  const value = encodeValue(type, operand)
  return { from: value, to: value }
}

function encodeRange(type: FieldType, range: Range<FieldValue>): FieldBytes {
  const bytes = { from: encodeValue(type, range.from), to: encodeValue(type, range.to) }
  if (fields[type].hostOrder || Buffer.compare(bytes.from, bytes.to) > 0) throw malformed(type, renderOperand(type, range))
  return bytes
}

function lastAddress({ bytes, length }: Prefix): Uint8Array {
  return bytes.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, length - index * 8))))
}

export function renderOperand(type: FieldType, operand: FieldOperand): string {
  if (typeof operand !== 'object') return renderValue(type, operand)
  return `${renderEnd(type, operand.from)}-${renderEnd(type, operand.to)}`
}

/** nft reads `tcp-udp` as one name. */
function renderEnd(type: FieldType, value: FieldValue): string {
  return type === 'inet_proto' ? String(encodeValue(type, value)[0]) : renderValue(type, value)
}

function encodeValue(type: FieldType, value: FieldValue): Uint8Array {
  const bytes = fields[type].encode(value)
  if (!bytes) throw malformed(type, value)
  return bytes
}

function renderValue(type: FieldType, value: FieldValue): string {
  if (type === 'mark') return `0x${Number(value).toString(16).padStart(8, '0')}`
  if (type === 'boolean') return value === true ? '1' : '0'
  if (type === 'ipv6_addr') return withoutDots(String(value))
  return fields[type].quoted ? `"${value}"` : String(value)
}

/** nft does not read the last 32 bits as an IPv4 address, except behind ::ffff: (RFC 4291 2.2.3 allows it anywhere). */
function withoutDots(text: string): string {
  const [address = '', ...length] = text.split('/')
  const bytes = address.includes('.') ? parseAddress(address) : undefined
  return bytes ? [formatAddress(bytes), ...length].join('/') : text
}

function malformed(type: FieldType, value: FieldValue) {
  return firewallError('firewall.malformed', `${JSON.stringify(value)} is no value or range of ${type}`, { type })
}

function addressOf(bytes: number) {
  return (value: FieldValue) => {
    const address = typeof value === 'string' ? parseAddress(value) : undefined
    return address?.length === bytes ? address : undefined
  }
}

function named(names: Readonly<Record<string, number>>, value: FieldValue): number {
  return typeof value === 'string' && Object.hasOwn(names, value) ? (names[value] ?? -1) : -1
}

function isWithin(value: FieldValue, maximum: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maximum
}

function number8(value: FieldValue): Uint8Array | undefined {
  return isWithin(value, 0xff) ? Uint8Array.of(value) : undefined
}

function number16(value: FieldValue): Uint8Array | undefined {
  return isWithin(value, 0xffff) ? Uint8Array.of(value >> 8, value & 0xff) : undefined
}

function number32(value: FieldValue): Uint8Array | undefined {
  return isWithin(value, 0xffffffff) ? hostWord(value) : undefined
}

/** IFNAMSIZ is 16 with the final NUL; the kernel compares all sixteen bytes. Quotes would end nft's own. */
function interfaceName(value: FieldValue): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^[^\s"/*]{1,15}$/.test(value)) return undefined
  const bytes = new Uint8Array(16)
  const { read } = new TextEncoder().encodeInto(value, bytes.subarray(0, 15))
  return read === value.length ? bytes : undefined
}
