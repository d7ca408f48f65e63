import type { Clock, Milliseconds, PacketDevice } from '@tunnel/flow'
import { gather, gatheredBytes } from './gather.ts'
import type { Random } from './random.ts'

/** What a bad wire does to packets. Probabilities are from 0 to 1 and default to 0, as times do. */
export interface Faults {
  readonly loss?: number
  readonly duplicate?: number
  /** One bit of the packet is turned. */
  readonly corrupt?: number
  /** How long each packet takes; and up to how much more, by chance. Jitter alone keeps the order. */
  readonly delay?: Milliseconds
  readonly jitter?: Milliseconds
  /** So many are held back for `reorderBy` more, so that later ones overtake them. */
  readonly reorder?: number
  /** Default: 10 ms. */
  readonly reorderBy?: Milliseconds
  /** The wire's rate, headers included. Default: no limit. */
  readonly bytesPerSecond?: number
  /** What waits for such a wire; more is lost. Default 256 KiB. */
  readonly queueBytes?: number
}

export interface FaultsOptions {
  readonly clock: Clock
  readonly random: Random
  /** Which packets suffer. Default `transmit`: a pipe with faults at both ends has them both ways. */
  readonly ways?: 'transmit' | 'receive' | 'both'
}

/**
 * `device` over a bad wire: loss, delay, reordering, duplicates, corruption and a rate, the same ones for the same random numbers. Time is the clock's, so
 * that tests run in virtual time. What the device would cut into segments suffers as one packet.
 */
export function withFaults(device: PacketDevice, faults: Faults, { clock, random, ways = 'transmit' }: FaultsOptions): PacketDevice {
  const out = new FaultyWay(faults, clock, random)
  const into = new FaultyWay(faults, clock, random)
  const corrupts = (faults.corrupt ?? 0) > 0
  return {
    name: device.name,
    mtu: device.mtu,
    // A device that vouches for sums could not vouch for a turned bit.
    offload: corrupts ? { ...device.offload, checksum: false } : device.offload,
    start(receive) {
      if (ways === 'transmit') device.start(receive)
      else device.start((packets, verified) => packets.forEach((packet) => into.pass([packet], (passed) => receive([passed], corrupts ? false : verified))))
    },
    // A packet that is lost on the wire was sent.
    transmit(parts, segmentBytes) {
      if (ways === 'receive') return device.transmit(parts, segmentBytes)
      return out.pass(parts, (packet) => device.transmit([packet], segmentBytes))
    },
    async close() {
      out.close()
      into.close()
      await device.close()
    },
  }
}

class FaultyWay {
  readonly #faults: Faults
  readonly #clock: Clock
  readonly #random: Random
  /** When the wire is free again. */
  #free: Milliseconds = 0
  #lastDue: Milliseconds = 0
  #closed = false

  constructor(faults: Faults, clock: Clock, random: Random) {
    this.#faults = faults
    this.#clock = clock
    this.#random = random
  }

  close(): void {
    this.#closed = true
  }

  /** False: no room before the wire. */
  pass(parts: readonly Uint8Array[], deliver: (packet: Uint8Array) => void): boolean {
    const { loss = 0, duplicate = 0, corrupt = 0 } = this.#faults
    const sent = this.#occupyWire(gatheredBytes(parts))
    if (sent === undefined) return false
    if (this.#happens(loss)) return true
    const packet = gather(parts)
    if (this.#happens(corrupt)) this.#turnBit(packet)
    const copies = this.#happens(duplicate) ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) this.#deliverAt(this.#due(sent), packet, deliver)
    return true
  }

  /** When the last byte is on the wire. */
  #occupyWire(bytes: number): Milliseconds | undefined {
    const { bytesPerSecond, queueBytes = 256 * 1024 } = this.#faults
    const now = this.#clock.now()
    if (bytesPerSecond === undefined) return now
    const start = Math.max(now, this.#free)
    if (((start - now) * bytesPerSecond) / 1000 > queueBytes) return undefined
    this.#free = start + (bytes * 1000) / bytesPerSecond
    return this.#free
  }

  #due(sent: Milliseconds): Milliseconds {
    const { delay = 0, jitter = 0, reorder = 0, reorderBy = 10 } = this.#faults
    const due = sent + delay + (jitter > 0 ? this.#random() * jitter : 0)
    if (this.#happens(reorder)) return due + reorderBy
    this.#lastDue = Math.max(this.#lastDue, due)
    return this.#lastDue
  }

  #deliverAt(due: Milliseconds, packet: Uint8Array, deliver: (packet: Uint8Array) => void): void {
    const wait = due - this.#clock.now()
    if (wait <= 0) return deliver(packet)
    this.#clock.after(wait, () => {
      if (!this.#closed) deliver(packet)
    })
  }

  #turnBit(packet: Uint8Array): void {
    const at = Math.floor(this.#random() * packet.length)
    packet[at] = (packet[at] ?? 0) ^ (1 << Math.floor(this.#random() * 8))
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#random() < probability
  }
}
