import { constants } from 'node:os'
import { CodedError, type Offload, type PacketDevice, type ReceivePackets } from '@tunnel/flow'
import { callError } from '../ffi/call-error.ts'
import { errno, libc } from '../ffi/libc.ts'
import { pollDescriptor, type Poll } from '../ffi/poll.ts'
import { openRouteControl } from '../netlink/route-control.ts'
import { PacketWriter } from './packet-writer.ts'
import { splitDatagrams } from './split-datagrams.ts'
import { adoptTunLink, openTunLink, type TunLink, type TunOffloads } from './tun-link.ts'
import { readVnetHeader, vnetHeaderBytes, type ReceivedOffload } from './vnet-header.ts'

/** A TUN link as a device. It carries packets from `start` on, once the link is up. */
export interface TunDevice extends PacketDevice {
  /** 0 where the link is in another network namespace. */
  readonly index: number
  readonly offloads: TunOffloads
  /** Packets that the kernel did not take. */
  readonly dropped: number
  /** As a server's: whether the started device keeps the process alive. */
  ref(): void
  unref(): void
}

export interface RunningTunOptions {
  /** Somebody has deleted the link: nothing comes any more. Told once, unless the device was closed before. */
  readonly onGone?: (error: CodedError) => void
}

export interface TunDeviceOptions extends RunningTunOptions {
  /** May hold one `%d`, for the first free number. Default `tun%d`. */
  readonly name?: string
  /** Default: 65535, so that programs of this host send large datagrams in one piece and large segments also without offloads. */
  readonly mtu?: number
  /** The most that is wanted; default: all that the kernel has. `none` where packets travel on, as to another TUN. */
  readonly offloads?: TunOffloads
  /** Packets that wait in the kernel. Default 5000: the kernel's own 500 are a few milliseconds of many small ones, and more are lost. */
  readonly queuePackets?: number
}

/** The largest packet of IP, and so the largest MTU. */
const maxPacketBytes = 65_535
const defaultQueuePackets = 5_000
/** A program that keeps several packets has them for one batch. */
const batchSlots = 16
/** The header of IP then begins at an address that large reads like. */
const packetOffset = 64
const slotBytes = packetOffset + 65_536
/**
 * One turn reads no more, so that a flood does not starve the rest of the program, and what has been read is handed on while it is warm: where it goes
 * on to is often written to only once a turn.
 */
const bytesPerTurn = 512 << 10
const packetsPerTurn = 512
/**
 * After so much has been sent, what has come is read before anything else is done: the kernel hands a packet over to its receiver inside our write, so the
 * answer is there already. Whoever keeps what he has sent until it is acknowledged then keeps little, and the same memory is used again while it is warm.
 */
const bytesBeforeAnswers = 128 << 10
/** In one turn of the event loop: two that make work for each other without end are to let others have a turn. */
const earlyDrainsPerTurn = 16
const { EAGAIN, EINTR } = constants.errno
const EBADFD = 77
const unverified: ReceivedOffload = { verified: false, datagramBytes: 0 }

/**
 * Makes a TUN link that goes with this process, up, with its MTU and its queue, and without an address. Throws `linux.permission`, `linux.exists`,
 * `linux.missing` without /dev/net/tun, `linux.invalid`.
 */
export function openTunDevice(options: TunDeviceOptions = {}): TunDevice {
  const { mtu = maxPacketBytes, name, offloads = 'tcp-udp', queuePackets = defaultQueuePackets } = options
  const link = openTunLink({ ...(name !== undefined && { name }), offloads })
  const control = openRouteControl()
  try {
    control.setLink(link.name, { mtu, queuePackets })
    control.setLink(link.name, { up: true })
    return new FfiTunDevice(link, mtu, options)
  } catch (error) {
    link.close()
    throw error
  } finally {
    control.close()
  }
}

/** The device of a descriptor that another process has opened and configured; `mtu` is what it has given the link. */
export function adoptTunDevice(fd: number, options: RunningTunOptions & { readonly mtu: number }): TunDevice {
  return new FfiTunDevice(adoptTunLink(fd), options.mtu, options)
}

class FfiTunDevice implements TunDevice {
  readonly name: string
  readonly index: number
  readonly mtu: number
  readonly offload: Offload
  readonly offloads: TunOffloads
  #dropped = 0
  readonly #link: TunLink
  readonly #onGone: (error: CodedError) => void
  readonly #headerBytes: number
  readonly #writer: PacketWriter
  readonly #slots: readonly Uint8Array[]
  readonly #reads: readonly Uint8Array[]
  /** Of the present batch. */
  #batch: Uint8Array[] = []
  #batchVerified = true
  #poll: Poll | undefined
  #planned = false
  #sentBytes = 0
  #earlyDrains = 0
  #earlyPlanned = false
  #closed = false
  #receive: ReceivePackets = () => {}
  readonly #drain = (): void => {
    this.#planned = false
    this.#earlyDrains = 0
    this.#drainQueue()
  }
  readonly #drainEarly = (): void => {
    this.#earlyPlanned = false
    this.#earlyDrains += 1
    this.#drainQueue()
  }

  constructor(link: TunLink, mtu: number, { onGone = () => {} }: RunningTunOptions) {
    const hasVnetHeader = link.offloads !== 'none'
    this.#link = link
    this.#onGone = onGone
    this.name = link.name
    this.index = link.index
    this.mtu = mtu
    this.offloads = link.offloads
    this.offload = { checksum: hasVnetHeader, segmentationBytes: hasVnetHeader ? maxPacketBytes : 0 }
    this.#headerBytes = hasVnetHeader ? vnetHeaderBytes : 0
    this.#writer = new PacketWriter(link.fd, mtu, hasVnetHeader)
    // Pages that no packet reaches take no memory.
    const bytes = new ArrayBuffer(batchSlots * slotBytes)
    this.#slots = Array.from({ length: batchSlots }, (_, slot) => new Uint8Array(bytes, slot * slotBytes, slotBytes))
    this.#reads = this.#slots.map((slot) => slot.subarray(packetOffset - this.#headerBytes))
  }

  get dropped(): number {
    return this.#dropped
  }

  start(receive: ReceivePackets): void {
    if (this.#closed || this.#poll) throw new Error('A device is started once, and before it is closed')
    this.#receive = receive
    this.#poll = pollDescriptor(this.#link.fd, 'readable', () => this.#plan())
  }

  transmit(parts: readonly Uint8Array[], segmentBytes?: number): boolean {
    const written = this.#closed ? -1 : this.#writer.write(parts, segmentBytes)
    if (written < 0) {
      this.#dropped += 1
      return false
    }
    this.#sentBytes += written
    if (this.#sentBytes >= bytesBeforeAnswers) this.#planEarlyDrain()
    return true
  }

  ref(): void {
    this.#poll?.ref()
  }

  unref(): void {
    this.#poll?.unref()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#poll?.close()
    this.#link.close()
  }

  #planEarlyDrain(): void {
    if (this.#earlyPlanned || !this.#poll) return
    if (this.#earlyDrains >= earlyDrainsPerTurn) return this.#plan()
    this.#earlyPlanned = true
    queueMicrotask(this.#drainEarly)
  }

  #plan(): void {
    if (this.#planned) return
    this.#planned = true
    setImmediate(this.#drain)
  }

  #drainQueue(): void {
    this.#sentBytes = 0
    let bytes = 0
    for (let packets = 0; packets < packetsPerTurn && bytes < bytesPerTurn && !this.#closed; packets++) {
      const slot = packets % batchSlots
      if (slot === 0) this.#flush()
      const length = this.#read(slot)
      if (length < 0) break
      bytes += length
      this.#take(slot, length)
    }
    this.#flush()
  }

  /** Below 0: nothing more. */
  #read(slot: number): number {
    const into = this.#reads[slot]
    const length = into ? libc().read(this.#link.fd, into, into.length) : 0
    if (length >= 0) return length
    const number = errno()
    if (number === EINTR) return 0
    if (number === EAGAIN) return -1
    this.#flush()
    this.#end(number)
    return -1
  }

  #take(slot: number, length: number): void {
    const memory = this.#slots[slot]
    if (!memory || length <= this.#headerBytes) return
    const packet = memory.subarray(packetOffset, packetOffset + length - this.#headerBytes)
    const { verified, datagramBytes } = this.#headerBytes === 0 ? unverified : readVnetHeader(memory, packetOffset - vnetHeaderBytes)
    if (datagramBytes > 0) {
      this.#flush()
      splitDatagrams(packet, datagramBytes, (each) => this.#closed || this.#receive([each], verified))
      return
    }
    if (verified !== this.#batchVerified) this.#flush()
    this.#batchVerified = verified
    this.#batch.push(packet)
  }

  #flush(): void {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    if (!this.#closed) this.#receive(batch, this.#batchVerified)
  }

  #end(number: number): void {
    if (this.#closed) return
    void this.close()
    const error = number === EBADFD ? new CodedError('linux.missing', `The TUN link ${this.name} is gone: somebody has deleted it`) : callError(`read the TUN link ${this.name}`, 'read', number)
    this.#onGone(error)
  }
}
