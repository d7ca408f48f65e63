import { decode, encode, type Answer } from 'dns-packet'
import type { UncommonRecordType } from './record.ts'

/** A message of one record of the root has its data here: header 12, root 1, type 2, class 2, TTL 4, length 2. */
const dataAt = 23

const numbers: Readonly<Record<UncommonRecordType, number>> = { HINFO: 13, NAPTR: 35, DS: 43, SSHFP: 44, TLSA: 52, CAA: 257 }

export const isUncommonType = (type: string): type is UncommonRecordType => Object.hasOwn(numbers, type)

/**
 * The data of a type that is seldom served, by dns-packet; its Buffers are made and taken at this door. Throws dns-packet's error when a field is
 * missing or of the wrong kind.
 */
export function encodeUncommonData(type: UncommonRecordType, data: object): Uint8Array {
  const fields = Object.entries(data).map(([name, value]: [string, unknown]) => [name, value instanceof Uint8Array ? Buffer.from(value) : value] as const)
  const record = { name: '.', type, class: 'IN', ttl: 0, data: Object.fromEntries(fields) } as unknown as Answer
  return encode({ type: 'response', answers: [record] }).subarray(dataAt)
}

/** `undefined` for data that is not of its type. dns-packet sees the data alone, never the message: there is nothing for a pointer to follow. */
export function parseUncommonData(type: UncommonRecordType, data: Uint8Array): object | undefined {
  try {
    const framed = encode({ type: 'response', answers: [{ name: '.', type: 'NULL', class: 'IN', ttl: 0, data: Buffer.from(data) }] })
    framed.writeUInt16BE(numbers[type], 13)
    const [record] = decode(framed).answers ?? []
    return decode.bytes === framed.length && record && 'data' in record ? (record.data as object) : undefined
  } catch {
    return undefined
  }
}
