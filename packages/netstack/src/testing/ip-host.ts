import type { Offload } from '@tunnel/flow'
import { gather } from '../device/gather.ts'
import { noOffload } from '../device/memory-pipe.ts'
import { createSeededRandom } from '../device/random.ts'
import { IpLayer, type IpLayerOptions } from '../ip/ip-layer.ts'
import { LocalAddresses } from '../ip/local-addresses.ts'
import { address } from './build-packet.ts'

export interface IpHostOptions extends Partial<Omit<IpLayerOptions, 'device' | 'clock' | 'addresses'>> {
  readonly addresses?: readonly string[]
  readonly any?: boolean
  readonly mtu?: number
  readonly offload?: Offload
}

/** An IP layer whose device writes down what it is given; its time is `now`. */
export class IpHost {
  readonly ip: IpLayer
  now = 0
  readonly sent: Uint8Array[] = []
  /** The pieces asked for, packet by packet. */
  readonly segmentBytes: (number | undefined)[] = []
  /** What the device answers. */
  accepts = true

  constructor({ addresses = ['10.0.0.1', '2001:db8::1'], any = false, mtu = 1500, offload = noOffload, ...options }: IpHostOptions = {}) {
    this.ip = new IpLayer({
      random: createSeededRandom(1),
      ...options,
      device: { mtu, offload, transmit: (parts, segmentBytes) => this.#transmit(parts, segmentBytes) },
      clock: { now: () => this.now },
      addresses: new LocalAddresses({ addresses: addresses.map(address), any }),
    })
  }

  #transmit(parts: readonly Uint8Array[], segmentBytes: number | undefined): boolean {
    if (!this.accepts) return false
    this.sent.push(gather(parts))
    this.segmentBytes.push(segmentBytes)
    return true
  }

  /** What has been sent since the last call. */
  take(): Uint8Array[] {
    this.segmentBytes.length = 0
    return this.sent.splice(0)
  }
}
