import { CodedError } from '@tunnel/flow'
import { nameLabels } from './name.ts'
import { maxMessageBytes } from './header.ts'

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

  /** Begins a message of at most `limit` bytes. */
  reset(limit: number): void {
    this.at = 0
    this.limit = Math.min(limit, this.bytes.length)
    this.full = false
    this.#names = undefined
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

  /** Overwrites 16 bits of before. */
  patch16(at: number, value: number): void {
    if (at + 2 > this.limit) return
    this.bytes[at] = value >>> 8
    this.bytes[at + 1] = value & 0xff
  }

  /** The name that stands at `at` may be pointed to. */
  knowName(name: string, at: number): void {
    this.#names ??= new Map()
    if (name !== '' && !this.#names.has(name)) this.#names.set(name, at)
  }

  /** A name, with a pointer to what stands in the message already when `compress` (RFC 1035 4.1.4). Throws `dns.invalid-name`. */
  name(name: string, compress: boolean): void {
    const labels = nameLabels(name)
    const escaped = name.includes('\\')
    let rest = name.endsWith('.') && !escaped ? name.slice(0, -1) : name
    for (const label of labels) {
      const known = compress && !escaped ? this.#names?.get(rest) : undefined
      if (known !== undefined) return this.u16(0xc000 | known)
      // A pointer has 14 bits.
      if (!escaped && this.at < 0x4000) this.knowName(rest, this.at)
      this.u8(label.length)
      this.put(label)
      rest = rest.slice(rest.indexOf('.') + 1)
    }
    this.u8(0)
  }

  /** Runs `write` after a 16-bit place for the length of what it writes. */
  withLength(write: () => void): void {
    const at = this.at
    this.u16(0)
    write()
    const length = this.at - at - 2
    if (length > 65_535) throw new CodedError('dns.invalid-record', `A record's data cannot have ${length} bytes: at most 65535`)
    this.patch16(at, length)
  }
}
