import { seeDatagram, seeIcmp, type SeenDatagram, type SeenIcmp } from './datagram.ts'
import { until, type Lab } from './lab.ts'
import { protocol, seePacket, type SeenPacket } from './packet.ts'
import { seeSegment, type SeenSegment } from './segment.ts'

type Time = Pick<Lab, 'waits' | 'now'>

/** The far end of the wire: whole packets go out as they are given, and what comes waits until it is asked for. */
export class RawPeer {
  readonly v4: string
  readonly v6: string
  readonly #time: Time
  readonly #transmit: (packet: Uint8Array) => void
  #inbox: SeenPacket[] = []

  constructor(v4: string, v6: string, time: Time, transmit: (packet: Uint8Array) => void) {
    this.v4 = v4
    this.v6 = v6
    this.#time = time
    this.#transmit = transmit
  }

  /** An end of the wire that has this address. */
  has(address: string): boolean {
    return address === this.v4 || address === this.v6
  }

  receive(bytes: Uint8Array): void {
    this.#inbox.push(seePacket(bytes.slice()))
  }

  sends(packet: Uint8Array): void {
    this.#transmit(packet)
  }

  /** The first packet that waits, or comes in time, of which `pick` makes something; others stay. */
  take<T>(pick: (packet: SeenPacket) => T | undefined, within?: number): Promise<T | undefined> {
    return until(this.#time, () => this.#taken(pick), within)
  }

  nextSegment(port: number, within?: number): Promise<SeenSegment | undefined> {
    return this.take((packet) => {
      const segment = packet.protocol === protocol.tcp ? seeSegment(packet) : undefined
      return segment?.toPort === port ? segment : undefined
    }, within)
  }

  nextDatagram(port: number, within?: number): Promise<SeenDatagram | undefined> {
    return this.take((packet) => {
      if (packet.protocol !== protocol.udp || packet.moreFragments || packet.offset > 0) return undefined
      const datagram = seeDatagram(packet)
      return datagram.toPort === port ? datagram : undefined
    }, within)
  }

  nextIcmp(within?: number): Promise<(SeenIcmp & { readonly from: string }) | undefined> {
    const isWhole = ({ moreFragments, offset }: SeenPacket): boolean => !moreFragments && offset === 0
    return this.take((packet) => {
      if ((packet.protocol !== protocol.icmp4 && packet.protocol !== protocol.icmp6) || !isWhole(packet)) return undefined
      return { ...seeIcmp(packet), from: packet.from }
    }, within)
  }

  /** All fragments of one packet, put together: the fields are those of the first. */
  async wholePacket(number: number, within?: number): Promise<{ readonly pieces: SeenPacket[]; readonly payload: Uint8Array } | undefined> {
    const pieces: SeenPacket[] = []
    for (;;) {
      const piece = await this.take((packet) => (packet.protocol === number && (pieces.length === 0 || packet.id === pieces[0]?.id) ? packet : undefined), within)
      if (!piece) return undefined
      pieces.push(piece)
      const last = pieces.find(({ moreFragments }) => !moreFragments)
      const length = last ? last.offset + last.payload.length : Number.POSITIVE_INFINITY
      if (pieces.reduce((sum, { payload }) => sum + payload.length, 0) < length) continue
      const payload = new Uint8Array(length)
      for (const { offset, payload: part } of pieces) payload.set(part, offset)
      return { pieces, payload }
    }
  }

  #taken<T>(pick: (packet: SeenPacket) => T | undefined): T | undefined {
    for (const [at, packet] of this.#inbox.entries()) {
      const result = pick(packet)
      if (result === undefined) continue
      this.#inbox.splice(at, 1)
      return result
    }
    return undefined
  }
}
