import type { Milliseconds } from '@tunnel/flow'
import type { IpAddress } from '../wire/ip-address.ts'

export interface PathMtuOptions {
  /** Destinations remembered; the oldest is forgotten. Default 1024. */
  readonly maxEntries?: number
  /** After it the link's MTU is tried again: ten minutes (RFC 1191 6.3, RFC 8201 4). */
  readonly lifetime?: Milliseconds
}

/** Nobody is believed who says less (RFC 8201 4: "must discard it"). */
const minMtu6 = 1280
/** 512 bytes of payload and the longest usual headers, as Linux: smaller ones come from attackers who want tiny segments. */
export const minMtu4 = 552
/** MTUs of common links, for routers that do not say theirs (RFC 1191 7.1). */
const plateaus = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, minMtu4] as const

interface Entry {
  readonly destination: IpAddress
  readonly mtu: number
  readonly due: Milliseconds
}

/**
 * The MTU on the way to each destination that has a smaller one than our link. Whoever calls `learn` has made sure that the
 * message is about a packet of ours: strangers can forge these.
 */
export class PathMtu {
  readonly #linkMtu: number
  readonly #secret: number
  readonly #maxEntries: number
  readonly #lifetime: Milliseconds
  /** By hash. Two destinations with one hash take turns: a cache may forget. */
  readonly #entries = new Map<number, Entry>()

  constructor(linkMtu: number, secret: number, { maxEntries = 1024, lifetime = 600_000 }: PathMtuOptions = {}) {
    this.#linkMtu = linkMtu
    this.#secret = secret
    this.#maxEntries = maxEntries
    this.#lifetime = lifetime
  }

  get entries(): number {
    return this.#entries.size
  }

  to(destination: IpAddress, now: Milliseconds): number {
    if (this.#entries.size === 0) return this.#linkMtu
    const key = destination.hash(this.#secret)
    const entry = this.#entries.get(key)
    if (!entry?.destination.equals(destination)) return this.#linkMtu
    if (entry.due > now) return entry.mtu
    this.#entries.delete(key)
    return this.#linkMtu
  }

  /**
   * What a "too big" message would make of the MTU to `destination`: `undefined` if nothing, because it is no less than now, or too little to be
   * true. `told` is 0 from routers before RFC 1191; `packetBytes` is how long the packet was.
   */
  judge(destination: IpAddress, told: number, packetBytes: number, now: Milliseconds): number | undefined {
    if (destination.version === 6 && told < minMtu6) return undefined
    const present = this.to(destination, now)
    const mtu = told === 0 ? (plateaus.find((plateau) => plateau < Math.min(packetBytes, present)) ?? minMtu4) : Math.max(told, minMtu4)
    return mtu < present ? mtu : undefined
  }

  /** Remembers what `judge` found. */
  learn(destination: IpAddress, mtu: number, now: Milliseconds): void {
    const key = destination.hash(this.#secret)
    this.#entries.delete(key)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#maxEntries) break
      this.#entries.delete(oldest)
    }
    this.#entries.set(key, { destination, mtu, due: now + this.#lifetime })
  }
}
