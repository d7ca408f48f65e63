import { MSG_TRUNC } from '../ffi/constants.ts'
import { addressOf } from '../ffi/libc.ts'
import { socketAddressMaxBytes } from './socket-address.ts'

/**
 * struct mmsghdr as 64-bit machines lay it out: msg_name (8), msg_namelen (4 + 4), msg_iov (8), msg_iovlen (8), msg_control (8),
 * msg_controllen (8), msg_flags (4 + 4), msg_len (4 + 4). Offsets in words of 32 bits.
 */
const headerWords = 16
const name = 0
const nameLength = 2
const vector = 4
const vectorLength = 6
const control = 8
const controlLength = 10
const flags = 12
const length = 14
/** struct iovec: base (8), length (8). */
const vectorWords = 4
/** A slot for a name is rounded up, so that each is aligned. */
const nameSlotBytes = 32
/** One control message with a sockaddr_in6 takes 16 + 28 bytes; kernels may add others. */
const controlSlotBytes = 128
const twoTo32 = 2 ** 32

/** A fixed number of message headers for recvmmsg and sendmmsg, each with a name slot, one vector and, if wanted, a control slot. */
export class MessageVector {
  readonly headers: Uint8Array
  readonly names: Buffer
  readonly controls: Buffer
  readonly #words: Uint32Array
  readonly #vectors: Uint32Array
  readonly #nameAddress: number
  readonly #controlAddress: number

  constructor(slots: number, withControl: boolean) {
    this.#words = new Uint32Array(slots * headerWords)
    this.headers = new Uint8Array(this.#words.buffer)
    this.#vectors = new Uint32Array(slots * vectorWords)
    this.names = Buffer.alloc(slots * nameSlotBytes)
    this.controls = Buffer.alloc(withControl ? slots * controlSlotBytes : 0)
    this.#nameAddress = Number(addressOf(this.names))
    this.#controlAddress = withControl ? Number(addressOf(this.controls)) : 0
    const vectorAddress = Number(addressOf(new Uint8Array(this.#vectors.buffer)))
    for (let slot = 0; slot < slots; slot++) {
      this.#point(slot * headerWords + vector, vectorAddress + slot * vectorWords * 4)
      this.#words[slot * headerWords + vectorLength] = 1
      if (!withControl) continue
      this.#point(slot * headerWords + control, this.#controlAddress + slot * controlSlotBytes)
    }
  }

  /** The bytes that slot `slot` reads or writes. */
  setData(slot: number, address: number, bytes: number): void {
    const at = slot * vectorWords
    this.#vectors[at] = address % twoTo32
    this.#vectors[at + 1] = address / twoTo32
    this.#vectors[at + 2] = bytes
  }

  /** Before a receive: the kernel overwrites both lengths. */
  prepareReceive(slot: number): void {
    const at = slot * headerWords
    this.#point(at + name, this.#nameAddress + slot * nameSlotBytes)
    this.#words[at + nameLength] = socketAddressMaxBytes
    this.#words[at + controlLength] = this.#controlAddress === 0 ? 0 : controlSlotBytes
  }

  /** Where the slot's datagram goes; without it to where the socket is connected. */
  setName(slot: number, address: Uint8Array | undefined): void {
    const at = slot * headerWords
    this.#point(at + name, address ? this.#nameAddress + slot * nameSlotBytes : 0)
    this.#words[at + nameLength] = address?.length ?? 0
    if (address) this.names.set(address, slot * nameSlotBytes)
  }

  nameOffset(slot: number): number {
    return slot * nameSlotBytes
  }

  hasName(slot: number): boolean {
    return (this.#words[slot * headerWords + nameLength] ?? 0) > 0
  }

  lengthOf(slot: number): number {
    return this.#words[slot * headerWords + length] ?? 0
  }

  isTruncated(slot: number): boolean {
    return ((this.#words[slot * headerWords + flags] ?? 0) & MSG_TRUNC) !== 0
  }

  /** Where in `controls` the value of a control message lies, or -1. struct cmsghdr: length (8), level (4), type (4). */
  controlOffset(slot: number, isWanted: (level: number, type: number) => boolean): number {
    const start = slot * controlSlotBytes
    const end = start + Math.min(controlSlotBytes, this.#words[slot * headerWords + controlLength] ?? 0)
    for (let at = start; at + 16 <= end; ) {
      const size = this.controls.readUInt32LE(at)
      if (size < 16 || at + size > end) return -1
      if (isWanted(this.controls.readInt32LE(at + 8), this.controls.readInt32LE(at + 12))) return at + 16
      at += (size + 7) & ~7
    }
    return -1
  }

  #point(word: number, address: number): void {
    this.#words[word] = address % twoTo32
    this.#words[word + 1] = address / twoTo32
  }
}
