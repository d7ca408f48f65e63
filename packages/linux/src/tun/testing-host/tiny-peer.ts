import type { PacketDevice } from '@tunnel/flow'

export interface TinyPeerOptions {
  /** Sent to each connection as soon as it is open, and then a FIN. */
  readonly reply?: Uint8Array
  readonly segmentBytes?: number
}

/**
 * The least that a host can be, over IPv4 and IPv6 without options or extensions: answers pings, takes TCP connections and acknowledges what comes, echoes
 * datagrams to port 9. Nothing is lost on a TUN, so it repeats nothing.
 */
export function startTinyPeer(device: PacketDevice, options: TinyPeerOptions = {}): TinyPeer {
  const peer = new TinyPeer(device, options)
  device.start((packets, verified) => {
    for (const { buffer, byteOffset, length } of packets) peer.receive(Buffer.from(buffer, byteOffset, length), verified ?? true)
  })
  return peer
}

const bit = { fin: 1, syn: 2, rst: 4, ack: 16 } as const
const protocols = { icmp4: 1, tcp: 6, udp: 17, icmp6: 58 } as const

export class TinyPeer {
  /** Payload of TCP that came in order. */
  tcpBytes = 0
  largestSegment = 0
  readonly datagrams: Buffer[] = []
  /** IPv4 packets that came as not verified. */
  unverified = 0
  readonly #device: PacketDevice
  readonly #options: TinyPeerOptions
  readonly #expected = new Map<string, number>()
  readonly #head = Buffer.alloc(128)

  constructor(device: PacketDevice, options: TinyPeerOptions) {
    this.#device = device
    this.#options = options
  }

  receive(packet: Buffer, verified: boolean): void {
    const v4 = isV4(packet)
    const from = headerBytes(packet)
    const protocol = packet.readUInt8(v4 ? 9 : 6)
    if (v4 && !verified) this.unverified += 1
    if (protocol === protocols.tcp) this.#onTcp(packet, from)
    else if (protocol === protocols.udp) this.#onUdp(packet, from)
    else if (packet.readUInt8(from) === (v4 ? 8 : 128)) this.#onPing(packet, from, protocol)
  }

  #onPing(packet: Buffer, from: number, protocol: number): void {
    this.#answer(packet, protocol, 8, [packet.subarray(from + 8)], (at) => {
      packet.copy(this.#head, at + 4, from + 4, from + 8)
      this.#head.writeUInt8(isV4(packet) ? 0 : 129, at)
    })
  }

  #onUdp(packet: Buffer, from: number): void {
    if (packet.readUInt16BE(from + 2) !== 9) return
    const payload = Buffer.from(packet.subarray(from + 8))
    this.datagrams.push(payload)
    this.#answer(packet, protocols.udp, 8, [payload], (at) => {
      this.#turnPorts(packet, from, at)
      this.#head.writeUInt16BE(8 + payload.length, at + 4)
    })
  }

  #onTcp(packet: Buffer, from: number): void {
    const bits = packet.readUInt8(from + 13)
    const seq = packet.readUInt32BE(from + 4)
    const ours = packet.readUInt32BE(from + 8)
    const key = packet.toString('latin1', from - (isV4(packet) ? 8 : 32), from + 4)
    if ((bits & bit.rst) !== 0) return void this.#expected.delete(key)
    if ((bits & bit.syn) !== 0) {
      this.#expected.set(key, (seq + 1) >>> 0)
      return this.#segment(packet, from, bit.syn | bit.ack, 999, seq + 1)
    }
    const payload = packet.length - from - (packet.readUInt8(from + 12) >>> 4) * 4
    const fin = bits & bit.fin
    const next = this.#expected.get(key)
    const { reply } = this.#options
    if (next === undefined) return
    if (reply && ours === 1000 && payload + fin === 0) return this.#segment(packet, from, bit.fin | bit.ack, 1000, next, [reply])
    if (payload + fin === 0) return
    const end = seq === next ? (seq + payload + fin) >>> 0 : next
    if (seq === next) {
      this.tcpBytes += payload
      this.largestSegment = Math.max(this.largestSegment, payload)
      this.#expected.set(key, end)
    }
    this.#segment(packet, from, bit.ack | (reply ? 0 : fin), ours, end)
  }

  #segment(packet: Buffer, from: number, bits: number, seq: number, ack: number, payload: readonly Uint8Array[] = []): void {
    const isSyn = (bits & bit.syn) !== 0
    this.#answer(packet, protocols.tcp, isSyn ? 28 : 20, payload, (at) => {
      this.#turnPorts(packet, from, at)
      this.#head.writeUInt32BE(seq >>> 0, at + 4)
      this.#head.writeUInt32BE(ack >>> 0, at + 8)
      this.#head.set([isSyn ? 0x70 : 0x50, bits, 0xff, 0xff], at + 12)
      if (!isSyn) return
      // MSS, and a window scale of 7.
      this.#head.writeUInt32BE(0x0204_0000 | (this.#device.mtu - at - 20), at + 20)
      this.#head.writeUInt32BE(0x0103_0307, at + 24)
    })
  }

  #turnPorts(packet: Buffer, from: number, at: number): void {
    packet.copy(this.#head, at, from + 2, from + 4)
    packet.copy(this.#head, at + 2, from, from + 2)
  }

  /** An answer to `packet`: the same addresses turned round, `write` fills in the transport header. */
  #answer(packet: Buffer, protocol: number, transportBytes: number, payload: readonly Uint8Array[], write: (at: number) => void): void {
    const head = this.#head.fill(0)
    const at = headerBytes(packet)
    const length = transportBytes + payload.reduce((sum, { length: bytes }) => sum + bytes, 0)
    if (isV4(packet)) {
      head.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol])
      head.writeUInt16BE(at + length, 2)
      packet.copy(head, 12, 16, 20)
      packet.copy(head, 16, 12, 16)
      head.writeUInt16BE(~sumOf(head.subarray(0, 20)) & 0xffff, 10)
    } else {
      head.set([0x60, 0, 0, 0, 0, 0, protocol, 64])
      head.writeUInt16BE(length, 4)
      packet.copy(head, 8, 24, 40)
      packet.copy(head, 24, 8, 24)
    }
    write(at)
    this.#writeSum(protocol, at, transportBytes, payload, length)
    const parts = [head.subarray(0, at + transportBytes), ...payload]
    if (!this.#device.transmit(parts, this.#options.segmentBytes)) throw new Error(`not taken: ${parts.map((part) => part.length).join()}`)
  }

  #writeSum(protocol: number, at: number, transportBytes: number, payload: readonly Uint8Array[], length: number): void {
    const head = this.#head
    const isTransport = protocol === protocols.tcp || protocol === protocols.udp
    const pseudo = protocol === protocols.icmp4 ? 0 : sumOf(head.subarray(at === 20 ? 12 : 8, at)) + protocol + length
    const whole = (): number => ~fold(pseudo + sumOf(Buffer.concat([head.subarray(at, at + transportBytes), ...payload]))) & 0xffff
    const sum = isTransport && this.#device.offload.checksum ? fold(pseudo) : whole()
    head.writeUInt16BE(sum, at + (protocol === protocols.tcp ? 16 : isTransport ? 6 : 2))
  }
}

const isV4 = (packet: Buffer): boolean => packet.readUInt8(0) >>> 4 === 4
const headerBytes = (packet: Buffer): number => (isV4(packet) ? 20 : 40)

const fold = (sum: number): number => {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return folded
}

function sumOf(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 1) sum += at % 2 === 0 ? bytes.readUInt8(at) << 8 : bytes.readUInt8(at)
  return fold(sum)
}
