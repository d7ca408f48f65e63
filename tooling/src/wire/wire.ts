import type { PacketDevice } from '@tunnel/flow'
import { openRouteControl, openTunDevice } from '@tunnel/linux'
import { createSeededRandom, withFaults, type Faults } from '@tunnel/netstack'
import { inNetworkNamespace } from './network-namespace.ts'
import { OrderedClock } from './ordered-clock.ts'

/** One end of the wire: a TUN link with two addresses, whose neighbour is the other end. */
export interface WireEnd {
  /** The network namespace: `/proc/123/ns/net`. Default: the present one. */
  readonly network?: string
  /** Default `wire0`. */
  readonly link?: string
  readonly v4: string
  readonly v6: string
}

export interface WireOptions {
  readonly left: WireEnd
  readonly right: WireEnd
  /** What happens to packets on their way: each way for itself, and the same for the same seed and the same packets. */
  readonly faults?: Faults
  readonly seed?: number
  /** Default 1500. */
  readonly mtu?: number
  /** Packets under way in one direction; more are lost. Default 4096. */
  readonly queuePackets?: number
}

export interface WireWay {
  readonly packets: number
  readonly bytes: number
  /** No room on the wire. Losses by chance are not counted here. */
  readonly overflowed: number
}

export interface Wire {
  readonly leftToRight: WireWay
  readonly rightToLeft: WireWay
  close(): Promise<void>
}

/**
 * Joins two kernels, or a kernel and whatever else is in a namespace, by a wire with faults: what netem is for, on kernels that have none. The links are made
 * without offloads, so every packet is whole, no longer than the MTU, and its sums can be looked at.
 */
export function openWire({ left, right, faults = {}, seed = 1, mtu = 1500, queuePackets = 4096 }: WireOptions): Wire {
  const ends = [openEnd(left, right, mtu), openEnd(right, left, mtu)] as const
  const [leftDevice, rightDevice] = ends
  const leftToRight = new Way(rightDevice, faults, seed, queuePackets)
  const rightToLeft = new Way(leftDevice, faults, seed + 1, queuePackets)
  leftDevice.start((packets) => leftToRight.carry(packets))
  rightDevice.start((packets) => rightToLeft.carry(packets))
  return {
    leftToRight,
    rightToLeft,
    async close() {
      for (const end of ends) await end.close()
    },
  }
}

function openEnd({ network = '/proc/thread-self/ns/net', link = 'wire0', v4, v6 }: WireEnd, other: WireEnd, mtu: number): PacketDevice {
  return inNetworkNamespace(network, () => {
    const device = openTunDevice({ name: link, mtu, offloads: 'none' })
    const control = openRouteControl()
    control.addAddress({ family: 4, address: v4, prefixLength: 32, device: device.name, peer: other.v4 })
    control.addAddress({ family: 6, address: v6, prefixLength: 128, device: device.name, peer: other.v6 })
    control.close()
    return device
  })
}

class Way implements WireWay {
  packets = 0
  bytes = 0
  readonly #clock: OrderedClock
  readonly #device: PacketDevice

  constructor(to: PacketDevice, faults: Faults, seed: number, queuePackets: number) {
    this.#clock = new OrderedClock(queuePackets)
    this.#device = withFaults(to, faults, { clock: this.#clock, random: createSeededRandom(seed) })
  }

  get overflowed(): number {
    return this.#clock.dropped
  }

  carry(packets: readonly Uint8Array[]): void {
    for (const packet of packets) {
      this.packets += 1
      this.bytes += packet.length
      this.#device.transmit([packet])
    }
  }
}
