import { constants } from 'node:os'
import { MSG_DONTWAIT, MSG_NOSIGNAL } from '../ffi/constants.ts'
import { addressOf, errno, libc } from '../ffi/libc.ts'
import { MessageVector } from './message-vector.ts'
import { batchSlots } from './receive-arena.ts'

/** What waits within one turn, for all sockets together. */
const arenaBytes = 1 << 20
const { EAGAIN, EINTR, ECONNREFUSED, ENOBUFS } = constants.errno

/** The datagrams of one socket that wait for the end of the turn. */
export interface SendQueue {
  readonly fd: number
  count: number
  readonly offsets: number[]
  readonly lengths: number[]
  readonly addresses: (Uint8Array | undefined)[]
  countDropped(count: number): void
}

/**
 * Send buffers for all sockets of the process. A datagram is copied in, and everything leaves at the end of the turn, with one call for
 * each socket; earlier when the space or a batch is full. So it is empty between turns, and bounded.
 */
export class SendArena {
  readonly #bytes = Buffer.from(new ArrayBuffer(arenaBytes))
  readonly #address = Number(addressOf(this.#bytes))
  readonly #vector = new MessageVector(batchSlots, false)
  readonly #waiting = new Set<SendQueue>()
  #filled = 0
  #planned = false

  enqueue(queue: SendQueue, data: Uint8Array, address: Uint8Array | undefined): void {
    if (this.#filled + data.length > arenaBytes) this.flush()
    this.#bytes.set(data, this.#filled)
    queue.offsets[queue.count] = this.#filled
    queue.lengths[queue.count] = data.length
    queue.addresses[queue.count] = address
    this.#filled += data.length
    if (++queue.count === 1) this.#waiting.add(queue)
    if (queue.count === batchSlots) this.flushOne(queue)
    this.#plan()
  }

  /** Sends all that waits. */
  flush(): void {
    for (const queue of this.#waiting) this.#send(queue)
    this.#waiting.clear()
    this.#filled = 0
  }

  flushOne(queue: SendQueue): void {
    if (!this.#waiting.delete(queue)) return
    this.#send(queue)
    if (this.#waiting.size === 0) this.#filled = 0
  }

  #plan(): void {
    if (this.#planned || this.#waiting.size === 0) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      this.flush()
    })
  }

  #send(queue: SendQueue): void {
    const { count } = queue
    queue.count = 0
    let start = 0
    let attempts = 0
    while (start < count) {
      for (let index = start; index < count; index++) this.#load(queue, index, index - start)
      const sent = libc().sendmmsg(queue.fd, this.#vector.headers, count - start, MSG_DONTWAIT | MSG_NOSIGNAL)
      if (sent > 0) {
        start += sent
        attempts = 0
        continue
      }
      const number = errno()
      // An error that an earlier datagram brought back by ICMP is told to the next one, which was not sent.
      if ((number === EINTR || number === ECONNREFUSED) && attempts++ < 3) continue
      // The way out is full: what is left is lost, as a router would lose it.
      const lost = number === EAGAIN || number === ENOBUFS ? count - start : 1
      queue.countDropped(lost)
      start += lost
    }
  }

  #load(queue: SendQueue, index: number, slot: number): void {
    this.#vector.setData(slot, this.#address + (queue.offsets[index] ?? 0), queue.lengths[index] ?? 0)
    this.#vector.setName(slot, queue.addresses[index])
  }
}
