import type { Clock, PacketDevice } from '@tunnel/flow'
import type { IpOutput } from '../ip/ip-output.ts'
import type { LocalAddresses } from '../ip/local-addresses.ts'
import type { PathMtu } from '../ip/path-mtu.ts'
import type { Transport } from '../ip/transport.ts'
import { isUnicast } from '../wire/address-kind.ts'
import type { DropCounts } from '../wire/drop-counts.ts'
import { icmpChecksumOffset, isIcmpError, type IcmpEcho, type IcmpError, type IcmpMessage } from '../wire/icmp.ts'
import { encodeIcmp4Header, parseIcmp4 } from '../wire/icmp4.ts'
import { encodeIcmp6Header, parseIcmp6 } from '../wire/icmp6.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { ipProtocol, type IpPacket } from '../wire/ip-packet.ts'
import { transportSumIsGood } from '../wire/transport-sum.ts'
import { errorReason, unreachableCode, type UnreachableReason } from './error-reason.ts'
import { parseQuotedPacket, type QuotedPacket } from './quoted-packet.ts'
import { deservesAnError, maxQuoteBytes } from './quote.ts'
import { TokenBucket } from './token-bucket.ts'

export interface IcmpLimits {
  /** Errors that we send, in a second and at once (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)). Defaults: 1000 and 200. */
  readonly errorsPerSecond?: number
  readonly errorBurst?: number
}

export interface IcmpLayerOptions extends IcmpLimits {
  readonly device: Pick<PacketDevice, 'mtu'>
  readonly output: IpOutput
  readonly addresses: LocalAddresses
  readonly pathMtu: PathMtu
  readonly drops: DropCounts
  readonly clock: Pick<Clock, 'now'>
  /** Whether to answer a ping for `address`. */
  readonly answersEcho: (address: IpAddress) => boolean
  readonly transport: (protocol: number) => Transport | undefined
}

/** Everything that comes and goes as ICMP: pings, errors both ways, and neighbours who ask for our address. */
export class IcmpLayer {
  readonly #options: IcmpLayerOptions
  readonly #bucket: TokenBucket

  constructor(options: IcmpLayerOptions) {
    this.#options = options
    this.#bucket = new TokenBucket(options.errorsPerSecond ?? 1000, options.errorBurst ?? 200)
  }

  receive(packet: IpPacket, verified: boolean): void {
    const { drops } = this.#options
    const { bytes, payloadOffset: offset, payloadLength: length, version } = packet
    if (!verified && !transportSumIsGood(packet)) return drops.count('icmp.checksum')
    const message = version === 4 ? parseIcmp4(bytes, offset, length, drops) : parseIcmp6(bytes, offset, length, drops)
    if (!message) return
    if (isIcmpError(message)) this.#receiveError(packet, message)
    else if (message.kind === 'echo-request') this.#answerEcho(packet, message)
    else if (message.kind === 'neighbour-solicitation') this.#answerNeighbour(packet, message.target)
    // Answers: we ask for nothing.
    else drops.count('icmp.type')
  }

  #receiveError(packet: IpPacket, error: IcmpError): void {
    const { drops, transport, pathMtu, clock } = this.#options
    const quoted = parseQuotedPacket(error.quote)
    // It comes to the address that the packet came from, or it is forged.
    if (!quoted || quoted.version !== packet.version || !quoted.source.equals(packet.destination)) return drops.count('icmp.quote')
    const reason = errorReason(error, packet.version)
    const now = clock.now()
    const mtu = reason === 'too-big' ? pathMtu.judge(quoted.destination, error.value, quoted.packetBytes, now) : 0
    if (mtu === undefined) return drops.count('icmp.mtu')
    const believed = transport(quoted.protocol)?.icmpError({ reason, mtu, reporter: packet.source, quoted }) ?? false
    if (!believed) return drops.count('icmp.quote')
    if (reason === 'too-big') pathMtu.learn(quoted.destination, mtu, now)
  }

  #answerEcho({ source, destination, version }: IpPacket, request: IcmpEcho): void {
    if (!this.#options.answersEcho(destination)) return this.#options.drops.count('icmp.echo-refused')
    this.#send(version, destination, source, { ...request, kind: 'echo-reply' }, request.data)
  }

  /** RFC 4861 7.2.3 and 7.2.4. A hop limit of 255 shows that no router passed it on. */
  #answerNeighbour(packet: IpPacket, target: IpAddress): void {
    const { addresses, drops } = this.#options
    if (packet.hopLimit !== 255 || !isUnicast(packet.source)) return drops.count('icmp.hop-limit')
    if (!addresses.owns(target)) return
    this.#send(6, target, packet.source, { kind: 'neighbour-advertisement', target }, undefined, 255)
  }

  /** Tells the sender of a packet that it cannot be delivered. `quote` is the packet, or its start (`quoteOf`). */
  unreachable(quote: Uint8Array, reason: UnreachableReason): boolean {
    const version = (quote[0] ?? 0) >>> 4 === 6 ? 6 : 4
    return this.sendError(quote, { kind: 'unreachable', code: unreachableCode(reason, version), value: 0 })
  }

  /** Sends an error to the source of the quoted packet, unless that would be wrong or too often (RFC 1122 3.2.2, RFC 4443 2.4 (e), (f)). */
  sendError(packetBytes: Uint8Array, error: Omit<IcmpError, 'quote'>): boolean {
    const { drops, clock, device } = this.#options
    const to = deservesAnError(packetBytes, error)
    if (!to) return false
    if (!this.#bucket.take(clock.now())) {
      drops.count('icmp.rate')
      return false
    }
    const quote = packetBytes.subarray(0, Math.min(packetBytes.length, maxQuoteBytes(to.version, device.mtu)))
    return this.#send(to.version, this.#sourceFor(to), to.source, { ...error, quote }, quote)
  }

  /** The address that was asked; for a multicast one, ours. */
  #sourceFor(packet: Pick<QuotedPacket, 'source' | 'destination'>): IpAddress {
    if (isUnicast(packet.destination)) return packet.destination
    return this.#options.addresses.sourceFor(packet.source) ?? packet.destination
  }

  #send(version: 4 | 6, source: IpAddress, destination: IpAddress, message: IcmpMessage, rest: Uint8Array | undefined, hopLimit = 64): boolean {
    const { output } = this.#options
    const protocol = version === 4 ? ipProtocol.icmp4 : ipProtocol.icmp6
    const headerBytes = (version === 4 ? encodeIcmp4Header : encodeIcmp6Header)(message, output.scratch, output.transportAt)
    return output.send({ source, destination, protocol, checksumAt: icmpChecksumOffset, hopLimit }, headerBytes, rest ? [rest] : [])
  }
}
