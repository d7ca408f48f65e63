/** Sum of RFC 1071 over `bytes`, with what came before; not folded. */
function sumOf(bytes: Uint8Array, before = 0): number {
  let sum = before
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return sum
}

function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return folded
}

export function headerSum(header: Uint8Array): number {
  return ~fold(sumOf(header)) & 0xffff
}

/** Sum of a transport's bytes and its pseudo header (RFC 9293 3.1, RFC 8200 8.1). 0 if a sum that stands in them is right. */
export function transportSum(source: Uint8Array, destination: Uint8Array, protocol: number, bytes: Uint8Array): number {
  return ~fold(sumOf(bytes, sumOf(source) + sumOf(destination) + protocol + bytes.length)) & 0xffff
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
