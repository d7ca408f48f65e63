import { constants } from 'node:os'
import type { Endpoint } from '@tunnel/flow'
import { IPV6_RECVORIGDSTADDR, IP_RECVORIGDSTADDR, MSG_DONTWAIT, SOL_IP, SOL_IPV6 } from '../ffi/constants.ts'
import { addressOf, errno, libc } from '../ffi/libc.ts'
import type { EndpointCache } from './endpoint-cache.ts'
import { MessageVector } from './message-vector.ts'

/** Valid until the callback returns: the object and its bytes are used again for the next batch. */
export interface ReceivedDatagram {
  readonly data: Buffer
  readonly from: Endpoint
  /** The original destination where it was asked for, else where the socket is bound. */
  readonly to: Endpoint
}

/** What one call takes. 64 are where more per call gains nothing. */
export const batchSlots = 64
/** Longer than any datagram, so none is ever cut. Pages that no datagram reaches take no memory. */
const slotBytes = 1 << 16
const nobody: Endpoint = { address: '', port: 0 }
const { EAGAIN, EINTR } = constants.errno

const isOriginalDestination = (level: number, type: number): boolean =>
  (level === SOL_IP && type === IP_RECVORIGDSTADDR) || (level === SOL_IPV6 && type === IPV6_RECVORIGDSTADDR)

interface Slot {
  data: Buffer
  from: Endpoint
  to: Endpoint
}

export interface ReceiveSource {
  readonly fd: number
  readonly local: Endpoint
  /** The peer of a connected socket. */
  readonly remote: Endpoint | undefined
  readonly originalDestination: boolean
}

/** `more`: the queue may hold further ones. `errno`: of the socket, by ICMP as a rule; the socket lives. */
export interface ReceiveResult {
  readonly batch: readonly ReceivedDatagram[]
  readonly more: boolean
  readonly errno: number
}

/**
 * Receive buffers for all sockets of the process: a batch is handed over within the call that reads it, so one set is enough, however
 * many sockets there are.
 */
export class ReceiveArena {
  readonly #cache: EndpointCache
  readonly #vector = new MessageVector(batchSlots, true)
  readonly #bytes = Buffer.from(new ArrayBuffer(batchSlots * slotBytes))
  readonly #slots: readonly Slot[]
  // Batches of every size over the same slots: none is allocated later.
  readonly #batches: readonly (readonly Slot[])[]
  #used = batchSlots

  constructor(cache: EndpointCache) {
    this.#cache = cache
    const address = Number(addressOf(this.#bytes))
    for (let slot = 0; slot < batchSlots; slot++) this.#vector.setData(slot, address + slot * slotBytes, slotBytes)
    this.#slots = Array.from({ length: batchSlots }, () => ({ data: this.#bytes.subarray(0, 0), from: nobody, to: nobody }))
    this.#batches = Array.from({ length: batchSlots + 1 }, (_, length) => this.#slots.slice(0, length))
  }

  /** The next datagrams of a socket, at most `batchSlots`; never waits. */
  receive(source: ReceiveSource): ReceiveResult {
    for (let slot = 0; slot < this.#used; slot++) this.#vector.prepareReceive(slot)
    const count = libc().recvmmsg(source.fd, this.#vector.headers, batchSlots, MSG_DONTWAIT, null)
    if (count < 0) {
      const number = errno()
      const again = number === EINTR
      return { batch: [], more: number !== EAGAIN, errno: again || number === EAGAIN ? 0 : number }
    }
    this.#used = count
    const whole = this.#fill(source, count)
    return { batch: this.#batches[whole] ?? [], more: count === batchSlots, errno: 0 }
  }

  /** Fills the first slots; gives how many there are that can be understood. */
  #fill(source: ReceiveSource, count: number): number {
    let filled = 0
    for (let index = 0; index < count; index++) {
      const from = this.#vector.hasName(index) ? this.#cache.read(this.#vector.names, this.#vector.nameOffset(index)) : source.remote
      const to = source.originalDestination ? this.#originalDestination(index) : source.local
      const slot = this.#slots[filled]
      if (!from || !to || !slot || this.#vector.isTruncated(index)) continue
      const length = this.#vector.lengthOf(index)
      const start = index * slotBytes
      // A view is made only when the one of the last batch does not fit.
      if (slot.data.length !== length || slot.data.byteOffset !== start) slot.data = this.#bytes.subarray(start, start + length)
      slot.from = from
      slot.to = to
      filled++
    }
    return filled
  }

  #originalDestination(index: number): Endpoint | undefined {
    const offset = this.#vector.controlOffset(index, isOriginalDestination)
    return offset < 0 ? undefined : this.#cache.read(this.#vector.controls, offset)
  }
}
