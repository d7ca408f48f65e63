import { record as codecOf } from 'dns-packet'
import type { UncommonRecordType } from './record.ts'

/**
 * Data of types that are seldom served, by dns-packet. It gets each record's data alone, never the message: there is nothing in it for a pointer to
 * follow. Its Buffers are made and taken at this door.
 */
interface Codec {
  encode(data: unknown): Uint8Array
  decode: ((bytes: Uint8Array, offset: number) => unknown) & { bytes: number }
}

const uncommon: ReadonlySet<string> = new Set<UncommonRecordType>(['CAA', 'DS', 'HINFO', 'NAPTR', 'SSHFP', 'TLSA'])

export const isUncommonType = (type: string): type is UncommonRecordType => uncommon.has(type)

/** The data without its length. Throws dns-packet's error when a field is missing or of the wrong kind. */
export function encodeUncommonData(type: UncommonRecordType, data: object): Uint8Array {
  const fields = Object.entries(data).map(([name, value]: [string, unknown]) => [name, value instanceof Uint8Array ? Buffer.from(value) : value] as const)
  return codec(type).encode(Object.fromEntries(fields)).subarray(2)
}

/** `undefined` for data that is not of its type. */
export function parseUncommonData(type: UncommonRecordType, data: Uint8Array): object | undefined {
  const framed = Buffer.alloc(data.length + 2)
  framed.writeUInt16BE(data.length)
  framed.set(data, 2)
  try {
    const { decode } = codec(type)
    const parsed = decode(framed, 0)
    return decode.bytes === framed.length ? (parsed as object) : undefined
  } catch {
    return undefined
  }
}

/** The types of dns-packet leave this export out. */
const codec = (type: UncommonRecordType): Codec => (codecOf as (type: string) => Codec)(type)
