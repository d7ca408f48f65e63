/** One packet from its parts: a fresh copy, or in `into`, which must be long enough. */
export function gather(parts: readonly Uint8Array[], into: Uint8Array = new Uint8Array(gatheredBytes(parts))): Uint8Array {
  let at = 0
  for (const part of parts) {
    into.set(part, at)
    at += part.length
  }
  return at === into.length ? into : into.subarray(0, at)
}

export function gatheredBytes(parts: readonly Uint8Array[]): number {
  let bytes = 0
  for (const part of parts) bytes += part.length
  return bytes
}
