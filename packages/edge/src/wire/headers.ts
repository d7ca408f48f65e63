/**
 * Headers of a channel message: a map from id to bytes (protocol section 3.2). Values that came from a frame are views
 * into its buffer: borrowed as long as the frame is.
 */
export type Headers = ReadonlyMap<number, Uint8Array>

const text = new TextDecoder()
const utf8 = new TextEncoder()

const maxListItems = 128
const maxListItemBytes = 8192

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** A value of the wrong length counts as absent (protocol section 3.2). */
const sized = (headers: Headers, id: number, bytes: number): DataView | undefined => {
  const value = headers.get(id)
  return value !== undefined && value.length === bytes ? view(value) : undefined
}

export const boolHeader = (headers: Headers, id: number): boolean | undefined => {
  const value = sized(headers, id, 1)
  return value && value.getUint8(0) === 1
}
export const byteHeader = (headers: Headers, id: number): number | undefined => sized(headers, id, 1)?.getUint8(0)
export const uint16Header = (headers: Headers, id: number): number | undefined => sized(headers, id, 2)?.getUint16(0, true)
export const uint32Header = (headers: Headers, id: number): number | undefined => sized(headers, id, 4)?.getUint32(0, true)
export const int32Header = (headers: Headers, id: number): number | undefined => sized(headers, id, 4)?.getInt32(0, true)
export const uint64Header = (headers: Headers, id: number): bigint | undefined => sized(headers, id, 8)?.getBigUint64(0, true)
export const stringHeader = (headers: Headers, id: number): string | undefined => {
  const value = headers.get(id)
  return value && text.decode(value)
}

/** `undefined` for a malformed list as for an absent one. */
export function stringListHeader(headers: Headers, id: number): string[] | undefined {
  const value = headers.get(id)
  if (value === undefined) return undefined
  if (value.length === 0) return []
  if (value.length < 4) return undefined
  const data = view(value)
  const count = data.getUint32(0, true)
  if (count > maxListItems) return undefined
  const items: string[] = []
  let at = 4
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > value.length) return undefined
    const length = data.getUint32(at, true)
    at += 4
    if (length > maxListItemBytes || at + length > value.length) return undefined
    items.push(text.decode(value.subarray(at, at + length)))
    at += length
  }
  return at === value.length ? items : undefined
}

const written = (bytes: number, write: (data: DataView) => void): Uint8Array => {
  const value = new Uint8Array(bytes)
  write(view(value))
  return value
}

export const encodeBool = (value: boolean): Uint8Array => Uint8Array.of(value ? 1 : 0)
export const encodeByte = (value: number): Uint8Array => Uint8Array.of(value)
export const encodeUint16 = (value: number): Uint8Array => written(2, (data) => data.setUint16(0, value, true))
export const encodeUint32 = (value: number): Uint8Array => written(4, (data) => data.setUint32(0, value, true))
export const encodeInt32 = (value: number): Uint8Array => written(4, (data) => data.setInt32(0, value, true))
export const encodeUint64 = (value: bigint): Uint8Array => written(8, (data) => data.setBigUint64(0, value, true))
export const encodeString = (value: string): Uint8Array => utf8.encode(value)

export function encodeStringList(items: readonly string[]): Uint8Array {
  if (items.length === 0) return new Uint8Array(0)
  const encoded = items.map((item) => utf8.encode(item))
  const value = new Uint8Array(4 + encoded.reduce((sum, item) => sum + 4 + item.length, 0))
  const data = view(value)
  data.setUint32(0, items.length, true)
  let at = 4
  for (const item of encoded) {
    data.setUint32(at, item.length, true)
    value.set(item, at + 4)
    at += 4 + item.length
  }
  return value
}
