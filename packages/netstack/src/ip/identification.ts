import type { IpAddress } from '../wire/ip-address.ts'

const counters = 256

/**
 * Numbers for packets that may be fragmented: by destination, from a secret start, so that they do not tell one peer how much another gets and
 * cannot be guessed from afar (RFC 7739 5.2), and do not repeat soon (RFC 6864 4.1).
 */
export class Identifications {
  readonly #next = new Uint32Array(counters)
  readonly #secret: number

  constructor(random: () => number) {
    this.#secret = Math.floor(random() * 2 ** 31)
    for (let index = 0; index < counters; index += 1) this.#next[index] = Math.floor(random() * 2 ** 32)
  }

  /** 32 bits; IPv4 uses the lower sixteen. */
  next(destination: IpAddress): number {
    const index = destination.hash(this.#secret) % counters
    const value = this.#next[index] ?? 0
    this.#next[index] = value + 1
    return value
  }
}
