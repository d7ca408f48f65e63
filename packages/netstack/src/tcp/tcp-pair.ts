import type { Endpoint } from '@tunnel/flow'
import type { IpAddress } from '../wire/ip-address.ts'

/** The two endpoints that make a connection (RFC 9293 3.3.1), as numbers. */
export interface TcpPair {
  readonly local: IpAddress
  readonly localPort: number
  readonly remote: IpAddress
  readonly remotePort: number
}

export const localEndpoint = ({ local, localPort }: TcpPair): Endpoint => ({ address: String(local), port: localPort })
export const remoteEndpoint = ({ remote, remotePort }: TcpPair): Endpoint => ({ address: String(remote), port: remotePort })

/** A member of a `PairTable`. */
export interface Paired<T> {
  readonly pair: TcpPair
  /** The next one with the same hash. */
  chained: T | undefined
}

/** Connections, or requests, by their four numbers: a map by keyed hash, and chains by reference; no text and no object for a look-up. */
export class PairTable<T extends Paired<T>> {
  readonly #secret: number
  readonly #byHash = new Map<number, T>()
  readonly #perRemote = new Map<number, number>()
  /** Found last: segments come in runs. */
  #last: T | undefined
  size = 0

  constructor(secret: number) {
    this.#secret = secret
  }

  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): T | undefined {
    if (this.#last && isPair(this.#last.pair, local, localPort, remote, remotePort)) return this.#last
    let member = this.#byHash.get(this.#hash(local, localPort, remote, remotePort))
    while (member && !isPair(member.pair, local, localPort, remote, remotePort)) member = member.chained
    return (this.#last = member)
  }

  add(member: T): void {
    const hash = this.#hashOf(member.pair)
    member.chained = this.#byHash.get(hash)
    this.#byHash.set(hash, member)
    this.#count(member.pair.remote, 1)
  }

  /** False if it is not in the table. */
  remove(member: T): boolean {
    if (this.#last === member) this.#last = undefined
    const hash = this.#hashOf(member.pair)
    let at = this.#byHash.get(hash)
    if (at === member) {
      if (member.chained) this.#byHash.set(hash, member.chained)
      else this.#byHash.delete(hash)
    } else {
      while (at && at.chained !== member) at = at.chained
      if (!at) return false
      at.chained = member.chained
    }
    member.chained = undefined
    this.#count(member.pair.remote, -1)
    return true
  }

  /** Members with one remote address (with its hash, to be exact). */
  countOf(remote: IpAddress): number {
    return this.#perRemote.get(remote.hash(this.#secret)) ?? 0
  }

  /** All of them, as they are now. */
  members(): T[] {
    const members: T[] = []
    for (const first of this.#byHash.values()) for (let member: T | undefined = first; member; member = member.chained) members.push(member)
    return members
  }

  #count(remote: IpAddress, change: number): void {
    const hash = remote.hash(this.#secret)
    const count = (this.#perRemote.get(hash) ?? 0) + change
    if (count > 0) this.#perRemote.set(hash, count)
    else this.#perRemote.delete(hash)
    this.size += change
  }

  #hashOf({ local, localPort, remote, remotePort }: TcpPair): number {
    return this.#hash(local, localPort, remote, remotePort)
  }

  #hash(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    const ports = Math.imul((localPort << 16) | remotePort, 0x9e37_79b1)
    return (local.hash(this.#secret) ^ Math.imul(remote.hash(~this.#secret), 31) ^ ports ^ (ports >>> 15)) & 0x7fff_ffff
  }
}

function isPair(pair: TcpPair, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): boolean {
  return pair.localPort === localPort && pair.remotePort === remotePort && pair.remote.equals(remote) && pair.local.equals(local)
}
