import { nameLabels } from './name.ts'
import { headerBytes, maxMessageBytes } from './header.ts'

/** Writes one message after another into the same buffer. What does not fit is not written and makes `full` true. */
export class ByteWriter {
  readonly bytes: Uint8Array
  at = 0
  /** The first offset that may not be written. */
  limit: number
  full = false
  /** Where names, and the ends of names, stand in this message already. Made when the first name is written. */
  #names: Map<string, number> | undefined

  constructor(size = maxMessageBytes) {
    this.bytes = new Uint8Array(size)
    this.limit = size
  }

  /** The name of the question, which stands behind the header of every message. */
  #question: string | undefined

  /** Begins a message of at most `limit` bytes, about the question with this name. */
  reset(limit: number, question?: string): void {
    this.at = 0
    this.limit = Math.min(limit, this.bytes.length)
    this.full = false
    this.#names = undefined
    this.#question = question
  }

  /** Takes back what was written from `at` on. */
  rewind(at: number): void {
    this.at = at
    this.full = false
    for (const [name, offset] of this.#names ?? []) if (offset >= at) this.#names?.delete(name)
  }

  u8(value: number): void {
    if (this.at < this.limit) this.bytes[this.at] = value
    else this.full = true
    this.at += 1
  }

  u16(value: number): void {
    this.u8(value >>> 8)
    this.u8(value & 0xff)
  }

  u32(value: number): void {
    this.u16(value >>> 16)
    this.u16(value & 0xffff)
  }

  put(bytes: Uint8Array): void {
    if (this.at + bytes.length <= this.limit) this.bytes.set(bytes, this.at)
    else this.full = true
    this.at += bytes.length
  }

  /** A name, with a pointer to what stands in the message already when `compress` (RFC 1035 4.1.4). Throws `dns.invalid-name`. */
  name(name: string, compress: boolean): void {
    const labels = nameLabels(name)
    // A name with escapes is not worth the care.
    const known = compress && !name.includes('\\') ? this.#knownNames() : undefined
    let rest = name
    for (const label of labels) {
      const pointer = known?.get(rest)
      if (pointer !== undefined) return this.u16(0xc000 | pointer)
      // A pointer has 14 bits.
      if (this.at < 0x4000) known?.set(rest, this.at)
      this.u8(label.length)
      this.put(label)
      rest = rest.slice(rest.indexOf('.') + 1)
    }
    this.u8(0)
  }

  #knownNames(): Map<string, number> {
    if (this.#names) return this.#names
    this.#names = new Map()
    let at = headerBytes
    const labels = this.#question === undefined || this.#question.includes('\\') ? [] : this.#question.split('.')
    for (const [index, label] of labels.entries()) {
      if (label !== '') this.#names.set(labels.slice(index).join('.'), at)
      at += label.length + 1
    }
    return this.#names
  }
}
