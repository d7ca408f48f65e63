/**
 * Numbers of two and four bytes in network order. Plain functions over `Uint8Array`, which the engine puts in place:
 * a `DataView` for each packet costs more than the packet's header. What lies behind the end reads as 0; parsers check lengths first.
 */
export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

/** As a signed number, which stays a small integer in the engine: for words that are compared and copied only. */
export function readI32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
}

export function readU32(bytes: Uint8Array, at: number): number {
  return readI32(bytes, at) >>> 0
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
