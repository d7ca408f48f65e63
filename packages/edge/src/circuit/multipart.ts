const lengthBytes = 2
/** Far above what any SDK gathers. Eight million empty parts, which fit into a frame, would take a gigabyte. */
const mostParts = 65_536

/** Parts of a multipart body: uint16 LE length and bytes, repeated (protocol section 4.5). `undefined` if malformed, or more than 65,536. Views. */
export function parseMultipart(body: Uint8Array): Uint8Array[] | undefined {
  const parts: Uint8Array[] = []
  const data = new DataView(body.buffer, body.byteOffset, body.byteLength)
  let at = 0
  while (at < body.length) {
    if (at + lengthBytes > body.length || parts.length === mostParts) return undefined
    const length = data.getUint16(at, true)
    at += lengthBytes
    if (at + length > body.length) return undefined
    parts.push(body.subarray(at, at + length))
    at += length
  }
  return parts
}

/** Collects datagrams for one multipart message. */
export class MultipartBatch {
  readonly #bytes: Uint8Array
  readonly #data: DataView
  #used = 0
  #parts = 0

  constructor(capacityBytes: number) {
    this.#bytes = new Uint8Array(capacityBytes)
    this.#data = new DataView(this.#bytes.buffer)
  }

  get parts(): number {
    return this.#parts
  }

  /** False: it does not fit; take the batch first. */
  add(datagram: Uint8Array): boolean {
    if (this.#used + lengthBytes + datagram.length > this.#bytes.length) return false
    this.#data.setUint16(this.#used, datagram.length, true)
    this.#bytes.set(datagram, this.#used + lengthBytes)
    this.#used += lengthBytes + datagram.length
    this.#parts += 1
    return true
  }

  /** The whole body, or for a single datagram its bare bytes. Borrowed until the next `add`. */
  take(): { readonly body: Uint8Array; readonly multipart: boolean } {
    const multipart = this.#parts > 1
    const body = this.#bytes.subarray(multipart ? 0 : lengthBytes, this.#used)
    this.#used = 0
    this.#parts = 0
    return { body, multipart }
  }
}
