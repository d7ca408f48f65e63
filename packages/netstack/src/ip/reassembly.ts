import type { Milliseconds } from '@tunnel/flow'
import type { DropCounts } from '../wire/drop-counts.ts'
import type { IpPacket } from '../wire/ip-packet.ts'
import { PartialPacket } from './partial-packet.ts'

export interface ReassemblyLimits {
  /** Memory for fragments of all packets. */
  readonly maxBytes: number
  /** The same for one source (for all with the same hash, of 256). */
  readonly maxSourceBytes: number
  readonly maxPackets: number
  /** Fragments of one packet: 64 KiB in pieces of 552 bytes are 119. */
  readonly maxFragments: number
  /** RFC 1122 3.3.2, RFC 8200 4.5: sixty seconds. */
  readonly timeout: Milliseconds
}

const defaultReassemblyLimits: ReassemblyLimits = {
  maxBytes: 4 * 1024 * 1024,
  maxSourceBytes: 1024 * 1024,
  maxPackets: 256,
  maxFragments: 128,
  timeout: 60_000,
}

const sourceBuckets = 256

/**
 * Puts fragments together (RFC 815, RFC 8200 4.5). Overlaps end the packet and all that is still to come of it (RFC 5722 4), for IPv4 too: no
 * sender makes them, attackers do. When room is short the oldest packets go, of the same source first: those are the ones that lost a piece.
 */
export class Reassembly {
  readonly #limits: ReassemblyLimits
  readonly #drops: DropCounts
  readonly #secret: number
  /** By hash of what fragments of one packet have in common. */
  readonly #byKey = new Map<number, PartialPacket[]>()
  /** In order of arrival, which is the order of time-outs. */
  readonly #byAge = new Set<PartialPacket>()
  readonly #sourceBytes = new Float64Array(sourceBuckets)
  #bytes = 0

  constructor(drops: DropCounts, secret: number, limits: Partial<ReassemblyLimits> = {}) {
    this.#limits = { ...defaultReassemblyLimits, ...limits }
    this.#drops = drops
    this.#secret = secret
  }

  /** Memory that is held, overhead included. */
  get heldBytes(): number {
    return this.#bytes
  }

  get waiting(): number {
    return this.#byAge.size
  }

  /** Takes a copy of one fragment. Returns the whole packet, as fresh bytes, if it was the last that missed. */
  add(packet: IpPacket, now: Milliseconds): Uint8Array | undefined {
    if (packet.payloadLength === 0 || (packet.moreFragments && packet.payloadLength % 8 !== 0)) return this.#drops.count('fragment.length')
    if (packet.fragmentOffset + packet.payloadLength > 65_535) return this.#drops.count('fragment.beyond-end')
    const partial = this.#find(packet) ?? this.#begin(packet, now)
    if (partial.refused) return this.#drops.count('fragment.overlap')
    const before = partial.heldBytes
    const refusal = partial.add(packet, this.#limits.maxFragments)
    this.#account(partial, partial.heldBytes - before)
    if (refusal) return this.#drops.count(refusal)
    if (!partial.isWhole) {
      this.#makeRoom(partial)
      return undefined
    }
    this.#remove(partial)
    return partial.join() ?? this.#drops.count('fragment.beyond-end')
  }

  nextExpiry(): Milliseconds | undefined {
    for (const partial of this.#byAge) return partial.due
    return undefined
  }

  /** Gives up what is due. `onExpired` is told of those whose first fragment is here, as bytes to quote (RFC 792, RFC 8200 4.5). */
  expire(now: Milliseconds, onExpired: (firstFragment: Uint8Array) => void): void {
    for (const partial of this.#byAge) {
      if (partial.due > now) return
      this.#remove(partial)
      if (partial.refused) continue
      this.#drops.count('fragment.timeout')
      const first = partial.firstFragment()
      if (first) onExpired(first)
    }
  }

  #key(packet: IpPacket): number {
    return (packet.source.hash(this.#secret) ^ Math.imul(packet.destination.hash(this.#secret), 31) ^ Math.imul(packet.identification, 0x9e37_79b1)) & 0x7fff_ffff
  }

  #find(packet: IpPacket): PartialPacket | undefined {
    return this.#byKey.get(this.#key(packet))?.find((partial) => partial.owns(packet))
  }

  #begin(packet: IpPacket, now: Milliseconds): PartialPacket {
    const key = this.#key(packet)
    const partial = new PartialPacket(packet, key, packet.source.hash(this.#secret) % sourceBuckets, now + this.#limits.timeout)
    const others = this.#byKey.get(key)
    if (others) others.push(partial)
    else this.#byKey.set(key, [partial])
    this.#byAge.add(partial)
    this.#account(partial, partial.heldBytes)
    return partial
  }

  #account(partial: PartialPacket, bytes: number): void {
    this.#bytes += bytes
    this.#sourceBytes[partial.bucket] = (this.#sourceBytes[partial.bucket] ?? 0) + bytes
  }

  #makeRoom(kept: PartialPacket): void {
    for (const partial of this.#byAge) {
      if ((this.#sourceBytes[kept.bucket] ?? 0) <= this.#limits.maxSourceBytes) break
      if (partial.bucket === kept.bucket) this.#giveUp(partial)
    }
    for (const partial of this.#byAge) {
      if (this.#bytes <= this.#limits.maxBytes && this.#byAge.size <= this.#limits.maxPackets) return
      this.#giveUp(partial)
    }
  }

  #giveUp(partial: PartialPacket): void {
    this.#remove(partial)
    this.#drops.count('fragment.limit')
  }

  #remove(partial: PartialPacket): void {
    this.#byAge.delete(partial)
    this.#account(partial, -partial.heldBytes)
    const others = this.#byKey.get(partial.key) ?? []
    if (others.length <= 1) this.#byKey.delete(partial.key)
    else others.splice(others.indexOf(partial), 1)
  }
}
