import { align4, u32 } from '../../netlink/attribute.ts'

const headerBytes = 20
const nestedFlag = 0x8000
const textEncoder = new TextEncoder()

export interface MessageHeader {
  readonly type: number
  readonly flags: number
  readonly family?: number
  readonly resource?: number
}

/**
 * Writes nfnetlink messages one after another into one growing buffer. Lengths of messages and nested attributes are
 * filled in when they end, so that ten thousand set elements are written without an object for each. Netlink's own
 * headers are little-endian (`ffi/libc.ts` takes no other machine), nf_tables' numbers inside are in network order.
 */
export class MessageWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(initialBytes = 4096) {
    this.#bytes = new Uint8Array(initialBytes)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get lengthBytes(): number {
    return this.#length
  }

  /** What was written; a view, good until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** `nlmsghdr` and `nfgenmsg`, then what `fill` writes. The socket numbers the messages. */
  message({ type, flags, family = 0, resource = 0 }: MessageHeader, fill?: () => void): void {
    const start = this.#take(headerBytes)
    this.#view.setUint16(start + 4, type, true)
    this.#view.setUint16(start + 6, flags, true)
    this.#bytes[start + 16] = family
    this.#view.setUint16(start + 18, resource)
    fill?.()
    this.#view.setUint32(start, this.#length - start, true)
  }

  nest(attribute: number, fill: () => void): void {
    const start = this.openNest(attribute)
    fill()
    this.closeNest(start)
  }

  openNest(attribute: number): number {
    const start = this.#take(4)
    this.#view.setUint16(start + 2, attribute | nestedFlag, true)
    return start
  }

  closeNest(start: number): void {
    this.#view.setUint16(start, this.#length - start, true)
  }

  bytes(attribute: number, value: Uint8Array): void {
    const start = this.#attribute(attribute, value.length)
    this.#bytes.set(value, start)
  }

  u8(attribute: number, value: number): void {
    // First the room: it may be in a new buffer.
    const start = this.#attribute(attribute, 1)
    this.#bytes[start] = value
  }

  /** In network byte order. */
  u32(attribute: number, value: number): void {
    const start = this.#attribute(attribute, 4)
    this.#view.setUint32(start, value >>> 0)
  }

  /** In network byte order. */
  u64(attribute: number, value: bigint): void {
    const start = this.#attribute(attribute, 8)
    this.#view.setBigUint64(start, value)
  }

  /** With the final NUL that the kernel wants. */
  string(attribute: number, value: string): void {
    const encoded = textEncoder.encode(value)
    const start = this.#attribute(attribute, encoded.length + 1)
    this.#bytes.set(encoded, start)
  }

  #attribute(attribute: number, valueBytes: number): number {
    const start = this.#take(4 + valueBytes)
    this.#view.setUint16(start, 4 + valueBytes, true)
    this.#view.setUint16(start + 2, attribute, true)
    return start + 4
  }

  /** Zeroed room, padded to the 4 bytes on which netlink aligns. */
  #take(size: number): number {
    const start = this.#length
    this.#length += align4(size)
    if (this.#length > this.#bytes.length) this.#grow()
    return start
  }

  #grow(): void {
    const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
    larger.set(this.#bytes)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** A number of 32 bits as the kernel's own code holds it: marks and address types are compared in host byte order. */
export const hostWord: (value: number) => Uint8Array = u32
