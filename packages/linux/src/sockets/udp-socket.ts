import { maxDatagramBytes, type Endpoint } from '@tunnel/flow'
import { errnoName } from '../ffi/call-error.ts'
import { libc } from '../ffi/libc.ts'
import { pollDescriptor, type Poll } from '../ffi/poll.ts'
import { EndpointCache } from './endpoint-cache.ts'
import { ReceiveArena, type ReceivedDatagram } from './receive-arena.ts'
import { SendArena, type SendQueue } from './send-arena.ts'
import { localEndpoint } from './socket-address.ts'
import { openUdpDescriptor, type UdpSocketOptions } from './udp-descriptor.ts'

/** A UDP socket that reads and writes up to 64 datagrams with one system call. */
export interface BatchedUdpSocket {
  readonly local: Endpoint
  /** Datagrams that `send` did not take, or that the kernel did not. */
  readonly dropped: number
  /**
   * From now on each batch is given to `receive`, borrowed until it returns; the socket then keeps the process alive. `failed` hears what
   * came back by ICMP to a connected socket (`ECONNREFUSED`); the socket lives on.
   */
  start(receive: (batch: readonly ReceivedDatagram[]) => void, failed?: (errno: string) => void): void
  /** Copies, and sends at the end of this turn. False: dropped, and counted. `to` is left out on a connected socket. */
  send(data: Uint8Array, to?: Endpoint): boolean
  /** As a server's: whether the open socket keeps the process alive. */
  ref(): void
  unref(): void
  /** What was sent before leaves first. */
  close(): void
}

/** Over IPv6 the header of IP does not count: 65,535 less 8 of UDP. */
const maxDatagramBytesIpv6 = 65_527
/** One turn reads no more, so that a flood does not starve the rest of the program. */
const batchesPerTurn = 16

interface Arenas {
  readonly cache: EndpointCache
  readonly receive: ReceiveArena
  readonly send: SendArena
}

let sharedArenas: Arenas | undefined

function arenas(): Arenas {
  if (sharedArenas) return sharedArenas
  const cache = new EndpointCache()
  sharedArenas = { cache, receive: new ReceiveArena(cache), send: new SendArena() }
  return sharedArenas
}

/** Throws a `CodedError` of `LinuxErrorCode`; `linux.exists` when the port is taken. */
export function openUdpSocket(options: UdpSocketOptions): BatchedUdpSocket {
  return new FfiUdpSocket(openUdpDescriptor(options), options)
}

class FfiUdpSocket implements BatchedUdpSocket, SendQueue {
  readonly fd: number
  readonly local: Endpoint
  readonly remote: Endpoint | undefined
  readonly originalDestination: boolean
  count = 0
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  readonly addresses: (Uint8Array | undefined)[] = []
  #dropped = 0
  #poll: Poll | undefined
  #planned = false
  #closed = false
  readonly #addressBytes: number
  readonly #arenas = arenas()
  readonly #drain = (): void => this.#drainQueue()
  #receive: (batch: readonly ReceivedDatagram[]) => void = () => {}
  #failed: (errno: string) => void = () => {}

  constructor(fd: number, options: UdpSocketOptions) {
    this.fd = fd
    this.local = localEndpoint(fd, 'open a UDP socket')
    this.remote = options.connectTo
    this.originalDestination = options.originalDestination ?? false
    this.#addressBytes = this.local.address.includes(':') ? 28 : 16
  }

  get dropped(): number {
    return this.#dropped
  }

  start(receive: (batch: readonly ReceivedDatagram[]) => void, failed: (errno: string) => void = () => {}): void {
    if (this.#closed || this.#poll) throw new Error('A UDP socket is started once, and before it is closed')
    this.#receive = receive
    this.#failed = failed
    this.#poll = pollDescriptor(this.fd, 'readable', () => {
      if (this.#planned) return
      this.#planned = true
      setImmediate(this.#drain)
    })
  }

  send(data: Uint8Array, to?: Endpoint): boolean {
    const address = to && this.#arenas.cache.encode(to)
    const limit = this.#addressBytes === 16 ? maxDatagramBytes : maxDatagramBytesIpv6
    const addressed = address ? address.length === this.#addressBytes : this.remote !== undefined && to === undefined
    if (this.#closed || !addressed || data.length > limit) {
      this.#dropped++
      return false
    }
    this.#arenas.send.enqueue(this, data, address)
    return true
  }

  ref(): void {
    this.#poll?.ref()
  }

  unref(): void {
    this.#poll?.unref()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#arenas.send.flushOne(this)
    this.#poll?.close()
    libc().close(this.fd)
  }

  countDropped(count: number): void {
    this.#dropped += count
  }

  #drainQueue(): void {
    this.#planned = false
    for (let round = 0; round < batchesPerTurn && !this.#closed; round++) {
      const { batch, more, errno } = this.#arenas.receive.receive(this)
      if (batch.length > 0) this.#receive(batch)
      if (errno !== 0) this.#failed(errnoName(errno))
      if (!more) break
    }
    // Answers leave now and not a turn later.
    this.#arenas.send.flush()
  }
}
