/** The two high bits of a type are flags: nested, and network byte order (include/uapi/linux/netlink.h). */
const typeMask = 0x3fff
const nestedFlag = 0x8000
const headerBytes = 4
/** The length is 16 bits wide, and includes the header. */
export const attributeMaxBytes = 0xffff - headerBytes

export const align4 = (length: number): number => (length + 3) & ~3

/** One attribute as it goes out; a list as value is nested. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]]

/** Attributes with their padding, as they stand behind a message's fixed part. Throws RangeError when one is too long. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const bytes = new Uint8Array(attributesLength(attributes))
  writeAttributes(attributes, bytes, new DataView(bytes.buffer), 0)
  return bytes
}

function attributesLength(attributes: readonly Attribute[]): number {
  let length = 0
  for (const [, value] of attributes) length += headerBytes + align4(valueLength(value))
  return length
}

const valueLength = (value: Attribute[1]): number => (value instanceof Uint8Array ? value.length : attributesLength(value))

function writeAttributes(attributes: readonly Attribute[], bytes: Uint8Array, view: DataView, start: number): number {
  let at = start
  for (const [type, value] of attributes) {
    const length = valueLength(value)
    if (length > attributeMaxBytes) throw new RangeError(`A netlink attribute of ${length} bytes: ${attributeMaxBytes} is the most`)
    const plain = value instanceof Uint8Array
    view.setUint16(at, headerBytes + length, true)
    view.setUint16(at + 2, plain ? type : type | nestedFlag, true)
    if (plain) bytes.set(value, at + headerBytes)
    else writeAttributes(value, bytes, view, at + headerBytes)
    at += headerBytes + align4(length)
  }
  return at
}

/**
 * Values by type, as views into `bytes`; of a type that comes twice the last. `undefined` when a length lies. Up to three
 * bytes that cannot be an attribute are padding.
 */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> | undefined {
  const attributes = new Map<number, Uint8Array>()
  const list = parseAttributeList(bytes)
  if (!list) return undefined
  for (const [type, value] of list) attributes.set(type, value)
  return attributes
}

/** The same in order, for lists where a type repeats (set elements, expressions of a rule). */
export function parseAttributeList(bytes: Uint8Array): [type: number, value: Uint8Array][] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const list: [number, Uint8Array][] = []
  let at = 0
  while (bytes.length - at >= headerBytes) {
    const length = view.getUint16(at, true)
    if (length < headerBytes || at + length > bytes.length) return undefined
    list.push([view.getUint16(at + 2, true) & typeMask, bytes.subarray(at + headerBytes, at + length)])
    at += align4(length)
  }
  return list
}

/** Integers are in host order (little-endian here); nf_tables has its own writer, in network order. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true)
  return bytes
}

/** With the zero byte that the kernel wants at the end. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`)
}

export function readU32(bytes: Uint8Array | undefined): number | undefined {
  if (!bytes || bytes.length < 4) return undefined
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
}

/** Up to the first zero byte. */
export function readCString(bytes: Uint8Array | undefined): string | undefined {
  if (!bytes) return undefined
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}
