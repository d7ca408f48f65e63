import { isPlain, labelText, maxNameBytes, plainText } from './name.ts'

/** A name has at most 127 labels, so that more pointers than these lead nowhere that a name could be. */
const maxPointers = 127

/**
 * Reads hostile bytes in order. The first thing that is not there makes `failed` true for good and gives empty values, so that a parser may read on
 * and look once. All names together may cost `stepLimit` steps: a message of pointers to pointers is not followed for ever.
 */
export class ByteReader {
  readonly bytes: Uint8Array
  at: number
  failed = false
  /** Labels and pointers looked at. */
  steps = 0
  readonly stepLimit: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
    this.stepLimit = 256 + 8 * bytes.length
  }

  u8(): number {
    const byte = this.bytes[this.at]
    this.at += 1
    if (byte !== undefined) return byte
    this.failed = true
    return 0
  }

  u16(): number {
    return this.u8() * 256 + this.u8()
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16()
  }

  /** A view, not a copy. */
  take(length: number): Uint8Array {
    const end = this.at + length
    if (end > this.bytes.length) this.failed = true
    const taken = this.failed ? new Uint8Array(0) : this.bytes.subarray(this.at, end)
    this.at = end
    return taken
  }

  /** A name with its pointers (RFC 1035 4.1.4), as text without final dot. */
  name(): string {
    const parts: string[] = []
    let at = this.at
    let segmentStart = at
    let end = 0
    let length = 1
    let pointers = 0
    for (;;) {
      const size = this.bytes[at]
      this.steps += 1
      if (size === undefined || this.steps > this.stepLimit) return this.#fail()
      if (size === 0) break
      if (size >= 0xc0) {
        const target = (size & 0x3f) * 256 + (this.bytes[at + 1] ?? 0xffff)
        pointers += 1
        end ||= at + 2
        // "A prior occurrence": what points to itself or forward is refused, so that every pointer leads nearer to the start.
        if (target >= segmentStart || pointers > maxPointers) return this.#fail()
        at = target
        segmentStart = target
        continue
      }
      length += size + 1
      if (size > 63 || length > maxNameBytes || at + 1 + size > this.bytes.length) return this.#fail()
      parts.push(this.#label(at + 1, at + 1 + size))
      at += 1 + size
    }
    this.at = end || at + 1
    return this.failed ? '' : parts.join('.')
  }

  #label(from: number, to: number): string {
    for (let at = from; at < to; at += 1) if (!isPlain(this.bytes[at] ?? 0)) return labelText(this.bytes, from, to)
    return plainText(this.bytes, from, to)
  }

  #fail(): string {
    this.failed = true
    return ''
  }
}
