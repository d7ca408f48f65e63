import { addressOf, libc } from '../ffi/libc.ts'
import { vnetHeaderBytes, writeVnetHeader } from './vnet-header.ts'

/** struct iovec: base (8), length (8). */
const vectorWords = 4
/** More parts than a packet of any sense has; the kernel takes 1024 (UIO_MAXIOV). */
const maxParts = 256
/** Below it a copy costs less than finding out where the bytes lie. */
const copiedBytes = 512
const scratchBytes = 16_384
const twoTo32 = 2 ** 32

/**
 * Gives packets to the kernel by `writev`: small parts are copied together with the vnet header, large ones are read by the kernel where they lie. One for
 * each device.
 */
export class PacketWriter {
  readonly #fd: number
  readonly #mtu: number
  readonly #hasVnetHeader: boolean
  readonly #words = new Uint32Array(maxParts * vectorWords)
  readonly #vector = new Uint8Array(this.#words.buffer)
  readonly #scratch = new Uint8Array(new ArrayBuffer(scratchBytes))
  readonly #scratchAddress = Number(addressOf(this.#scratch))
  /** Memory that V8 has outside of its heap never moves. */
  readonly #addresses = new WeakMap<ArrayBufferLike, number>()
  #count = 0
  #filled = 0
  #runStart = 0

  constructor(fd: number, mtu: number, hasVnetHeader: boolean) {
    this.#fd = fd
    this.#mtu = mtu
    this.#hasVnetHeader = hasVnetHeader
  }

  /** How many bytes the kernel has taken; below 0 if it has not, or could not. */
  write(parts: readonly Uint8Array[], segmentBytes: number | undefined): number {
    const [head] = parts
    if (!head) return -1
    let bytes = 0
    for (const part of parts) bytes += part.length
    this.#count = 0
    this.#runStart = 0
    this.#filled = this.#hasVnetHeader ? vnetHeaderBytes : 0
    if (this.#hasVnetHeader ? !writeVnetHeader(this.#scratch, head, bytes, this.#mtu, segmentBytes) : bytes > this.#mtu) return -1
    for (const part of parts) if (!this.#add(part)) return -1
    this.#endRun()
    return libc().writev(this.#fd, this.#vector, this.#count)
  }

  #add(part: Uint8Array): boolean {
    if (part.length < copiedBytes && this.#filled + part.length <= scratchBytes) {
      this.#scratch.set(part, this.#filled)
      this.#filled += part.length
      return true
    }
    if (this.#count + 2 >= maxParts) return false
    this.#endRun()
    this.#point(this.#addressOf(part), part.length)
    return true
  }

  /** What has been copied since the last large part is one piece. */
  #endRun(): void {
    if (this.#filled > this.#runStart) this.#point(this.#scratchAddress + this.#runStart, this.#filled - this.#runStart)
    this.#runStart = this.#filled
  }

  #point(address: number, length: number): void {
    const at = this.#count * vectorWords
    this.#words[at] = address % twoTo32
    this.#words[at + 1] = address / twoTo32
    this.#words[at + 2] = length
    this.#count += 1
  }

  #addressOf(part: Uint8Array): number {
    const { buffer } = part
    let address = this.#addresses.get(buffer)
    if (address === undefined) {
      address = Number(addressOf(new Uint8Array(buffer)))
      this.#addresses.set(buffer, address)
    }
    return address + part.byteOffset
  }
}
