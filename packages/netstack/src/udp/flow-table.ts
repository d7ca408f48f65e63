import type { IpAddress } from '../wire/ip-address.ts'
import type { UdpFlow, UdpPair } from './udp-flow.ts'

/**
 * Flows by their four numbers: a map by hash, and chains by reference. No text, no object for a lookup. Those that others have begun also stand in a row, by
 * how long nothing has passed in them.
 */
export class UdpFlowTable {
  readonly #byHash = new Map<number, UdpFlow>()
  readonly #secret: number
  readonly #flowsOf = new Map<number, number>()
  #oldest: UdpFlow | undefined
  #newest: UdpFlow | undefined
  size = 0

  constructor(secret: number) {
    this.#secret = secret
  }

  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): UdpFlow | undefined {
    let flow = this.#byHash.get(this.#hash(local, localPort, remote, remotePort))
    while (flow && !isPair(flow.pair, local, localPort, remote, remotePort)) flow = flow.next
    return flow
  }

  add(flow: UdpFlow): void {
    const hash = this.#hashOf(flow.pair)
    flow.next = this.#byHash.get(hash)
    this.#byHash.set(hash, flow)
    this.#count(flow.pair.remote, 1)
    if (flow.mayMakeRoom) this.#append(flow)
  }

  /** Something passes in it. */
  touch(flow: UdpFlow): void {
    if (!flow.mayMakeRoom || flow === this.#newest) return
    this.#takeOut(flow)
    this.#append(flow)
  }

  /** The one, of those that may make room for another, in which nothing has passed for longest: of one remote address, or of all. */
  longestIdle(remote?: IpAddress): UdpFlow | undefined {
    let flow = this.#oldest
    while (flow && remote && !flow.pair.remote.equals(remote)) flow = flow.newer
    return flow
  }

  remove(flow: UdpFlow): void {
    const hash = this.#hashOf(flow.pair)
    let at = this.#byHash.get(hash)
    if (at === flow) {
      if (flow.next) this.#byHash.set(hash, flow.next)
      else this.#byHash.delete(hash)
    } else {
      while (at && at.next !== flow) at = at.next
      if (!at) return
      at.next = flow.next
    }
    flow.next = undefined
    if (flow.mayMakeRoom) this.#takeOut(flow)
    this.#count(flow.pair.remote, -1)
  }

  /** Flows of one remote address (of all that have its hash, to be exact). */
  countOf(remote: IpAddress): number {
    return this.#flowsOf.get(remote.hash(this.#secret)) ?? 0
  }

  *[Symbol.iterator](): Generator<UdpFlow> {
    for (const first of this.#byHash.values()) for (let flow: UdpFlow | undefined = first, next = flow.next; flow; flow = next, next = flow?.next) yield flow
  }

  #append(flow: UdpFlow): void {
    flow.older = this.#newest
    if (this.#newest) this.#newest.newer = flow
    else this.#oldest = flow
    this.#newest = flow
  }

  #takeOut(flow: UdpFlow): void {
    const { older, newer } = flow
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
    flow.older = undefined
    flow.newer = undefined
  }

  #count(remote: IpAddress, change: number): void {
    const hash = remote.hash(this.#secret)
    const count = (this.#flowsOf.get(hash) ?? 0) + change
    if (count > 0) this.#flowsOf.set(hash, count)
    else this.#flowsOf.delete(hash)
    this.size += change
  }

  #hashOf({ local, localPort, remote, remotePort }: UdpPair): number {
    return this.#hash(local, localPort, remote, remotePort)
  }

  #hash(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    return (local.hash(this.#secret) ^ Math.imul(remote.hash(~this.#secret), 31) ^ Math.imul((localPort << 16) | remotePort, 0x9e37_79b1)) & 0x7fff_ffff
  }
}

function isPair(pair: UdpPair, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): boolean {
  return pair.localPort === localPort && pair.remotePort === remotePort && pair.remote.equals(remote) && pair.local.equals(local)
}
