import type { Clock, Milliseconds, PacketDevice, ReceivePackets } from '@tunnel/flow'
import { concat } from '../wire/bytes.ts'

export interface SentPacket {
  readonly at: Milliseconds
  readonly bytes: Uint8Array
}

/** A device whose other end is the script. */
export class TapDevice implements PacketDevice {
  readonly name = 'script'
  readonly mtu: number
  readonly offload = { checksum: false, segmentationBytes: 0 }
  /** What the stack has sent and nobody has asked for yet. */
  readonly sent: SentPacket[] = []
  readonly #clock: Clock
  #receive: ReceivePackets = () => {}

  constructor(mtu: number, clock: Clock) {
    this.mtu = mtu
    this.#clock = clock
  }

  start(receive: ReceivePackets): void {
    this.#receive = receive
  }

  transmit(parts: readonly Uint8Array[]): boolean {
    this.sent.push({ at: this.#clock.now(), bytes: concat(...parts) })
    return true
  }

  /** The stack gets a packet. */
  inject(packet: Uint8Array): void {
    this.#receive([packet])
  }

  async close(): Promise<void> {
    this.#receive = () => {}
  }
}
