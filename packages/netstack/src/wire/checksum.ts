import type { IpAddress } from './ip-address.ts'

/**
 * The Internet checksum (RFC 1071). Sums are plain numbers that are folded at the end. The long loop reads aligned words of four bytes in the machine's own
 * order, because the sum of swapped words is the swapped sum (RFC 1071 2 (B)): several times faster than byte by byte.
 */

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
/** So many words at once that the accumulators stay 32-bit integers. */
const chunkWords = 0x4000
/** Below it, making a view costs more than it saves. */
const viewBytes = 96

/** `sum` and the words of `bytes` from `start` to `end`, the first byte being a high one. */
export function sumBytes(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  if (end - start < viewBytes) return sum + sumShort(bytes, start, end)
  const aligned = start + (-(bytes.byteOffset + start) & 3)
  const count = ((end - aligned) >> 4) << 2
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, count)
  let total = 0
  for (let index = 0; index < count; index += chunkWords) total += sumWords(words, index, Math.min(count, index + chunkWords))
  const rest = (isLittleEndian ? swapBytes(foldSum(total)) : foldSum(total)) + sumShort(bytes, aligned + 4 * count, end)
  const isShifted = ((aligned - start) & 1) === 1
  return sum + sumShort(bytes, start, aligned) + (isShifted ? swapBytes(foldSum(rest)) : rest)
}

function sumShort(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0
  let at = start
  for (; at + 1 < end; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return at < end ? sum + ((bytes[at] ?? 0) << 8) : sum
}

/** The sum of both halves of words, four at a time. Of the lower halves it is what the upper ones leave of the sum of all, which may come round. */
function sumWords(words: Int32Array, start: number, end: number): number {
  let high = 0
  let whole = 0
  for (let index = start; index < end; index += 4) {
    const first = words[index] ?? 0
    const second = words[index + 1] ?? 0
    const third = words[index + 2] ?? 0
    const fourth = words[index + 3] ?? 0
    high = (high + (first >>> 16) + (second >>> 16) + (third >>> 16) + (fourth >>> 16)) | 0
    whole = (whole + first + second + third + fourth) | 0
  }
  return high + ((whole - (high << 16)) >>> 0)
}

/** The sum of parts that follow each other; a part after an odd number of bytes is shifted by one. */
export function sumParts(parts: readonly Uint8Array[], sum = 0): number {
  let total = sum
  let odd = false
  for (const part of parts) {
    const added = sumBytes(part, 0, part.length)
    total += odd ? swapBytes(foldSum(added)) : added
    if ((part.length & 1) === 1) odd = !odd
  }
  return total
}

/** To sixteen bits, carries added in. Never 0 unless all was 0. */
export function foldSum(sum: number): number {
  let folded = sum > 0xffff_ffff ? (sum % 0x1_0000) + Math.floor(sum / 0x1_0000) : (sum & 0xffff) + (sum >>> 16)
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16)
  return folded
}

/** What goes into the header's checksum field. */
export function finishChecksum(sum: number): number {
  return ~foldSum(sum) & 0xffff
}

/** The part of the sum that TCP, UDP and ICMPv6 take from the IP header (RFC 9293 3.1, RFC 8200 8.1). */
export function pseudoHeaderSum(source: IpAddress, destination: IpAddress, protocol: number, length: number): number {
  return sumAddress(source) + sumAddress(destination) + protocol + (length & 0xffff) + (length >>> 16)
}

function sumAddress({ version, word0, word1, word2, word3 }: IpAddress): number {
  const last = (word3 >>> 16) + (word3 & 0xffff)
  if (version === 4) return last
  return last + (word0 >>> 16) + (word0 & 0xffff) + (word1 >>> 16) + (word1 & 0xffff) + (word2 >>> 16) + (word2 & 0xffff)
}

/** A checksum after one sixteen-bit word under it changed (RFC 1624 3, equation 3). */
export function updateChecksum(checksum: number, from: number, to: number): number {
  return finishChecksum((~checksum & 0xffff) + (~from & 0xffff) + to)
}

const swapBytes = (word: number): number => ((word & 0xff) << 8) | (word >>> 8)
