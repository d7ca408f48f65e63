import type { Clock, Milliseconds, PacketDevice } from '@tunnel/flow'
import { IcmpLayer, type IcmpLimits } from '../icmp/icmp-layer.ts'
import { isLoopback, isMapped, isMulticast, isUnicast } from '../wire/address-kind.ts'
import { DropCounts } from '../wire/drop-counts.ts'
import { parseIp } from '../wire/ip.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { IpPacket, ipProtocol } from '../wire/ip-packet.ts'
import { problemCode } from '../wire/ipv6-extensions.ts'
import { unreachable4 } from '../wire/icmp4.ts'
import { Identifications } from './identification.ts'
import { IpOutput } from './ip-output.ts'
import type { LocalAddresses } from './local-addresses.ts'
import { PathMtu, type PathMtuOptions } from './path-mtu.ts'
import { Reassembly, type ReassemblyLimits } from './reassembly.ts'
import type { Transport } from './transport.ts'

export interface IpLayerOptions {
  readonly device: Pick<PacketDevice, 'mtu' | 'offload' | 'transmit'>
  readonly addresses: LocalAddresses
  readonly clock: Pick<Clock, 'now'>
  /** Uniform in [0, 1), not to be guessed. */
  readonly random: () => number
  readonly drops?: DropCounts
  /** Whether to answer a ping for `address`. Default: our own addresses. */
  readonly answersEcho?: (address: IpAddress) => boolean
  readonly reassembly?: Partial<ReassemblyLimits>
  readonly pathMtu?: PathMtuOptions
  readonly icmp?: IcmpLimits
}

/** IP as a host has it: packets in, whole payloads for us to their transports, errors to their senders. Nothing is forwarded. */
export class IpLayer {
  readonly drops: DropCounts
  readonly pathMtu: PathMtu
  readonly output: IpOutput
  readonly icmp: IcmpLayer
  readonly addresses: LocalAddresses
  readonly #device: Pick<PacketDevice, 'mtu' | 'offload' | 'transmit'>
  readonly #clock: Pick<Clock, 'now'>
  readonly #reassembly: Reassembly
  readonly #transports = new Map<number, Transport>()
  /** Read into again and again. A reassembled packet has its own: the fragment is still being looked at. */
  readonly #packet = new IpPacket()
  readonly #whole = new IpPacket()
  /** Ends of the last packet that was for us: packets come in runs, and a run has the same objects. */
  #knownSource: IpAddress | undefined
  #knownDestination: IpAddress | undefined

  constructor(options: IpLayerOptions) {
    const { device, addresses, clock, random, drops = new DropCounts() } = options
    const secret = Math.floor(random() * 2 ** 31)
    this.drops = drops
    this.addresses = addresses
    this.#device = device
    this.#clock = clock
    this.pathMtu = new PathMtu(device.mtu, secret, options.pathMtu)
    this.#reassembly = new Reassembly(drops, secret, options.reassembly)
    this.output = new IpOutput({ device, clock, drops, pathMtu: this.pathMtu, identifications: new Identifications(random) })
    this.icmp = new IcmpLayer({
      ...options.icmp,
      device,
      output: this.output,
      addresses,
      pathMtu: this.pathMtu,
      drops,
      clock,
      answersEcho: options.answersEcho ?? ((address) => addresses.owns(address)),
      transport: (protocol) => this.#transports.get(protocol),
    })
    this.#transports.set(ipProtocol.icmp4, this.#icmpTransport(4))
    this.#transports.set(ipProtocol.icmp6, this.#icmpTransport(6))
  }

  register(protocol: number, transport: Transport): void {
    this.#transports.set(protocol, transport)
  }

  /** Memory held for fragments. */
  get heldBytes(): number {
    return this.#reassembly.heldBytes
  }

  /** One packet from the device; borrowed. Never throws for what is in it. `verified`: its sums need not be looked at. */
  receive(bytes: Uint8Array, verified = this.#device.offload.checksum): void {
    const packet = parseIp(bytes, this.#packet, this.drops, verified)
    if (!packet) return this.#tellProblem(this.#packet)
    if (!this.#isForUs(packet)) return
    if (!packet.isFragment) return this.#deliver(packet, verified)
    const whole = this.#reassembly.add(packet, this.#clock.now())
    if (!whole) return
    const joined = parseIp(whole, this.#whole, this.drops, true)
    if (!joined) return this.#tellProblem(this.#whole)
    if (joined.isFragment) return this.drops.count('fragment.nested')
    // No device could make or verify a sum over fragments.
    this.#deliver(joined, false)
  }

  #isForUs(packet: IpPacket): boolean {
    const { source, destination } = packet
    if (source === this.#knownSource && destination === this.#knownDestination) return true
    // RFC 1122 3.2.1.3, RFC 4291 2.7: no packet comes from these. One that says it comes from where it goes to is an old attack.
    if (!isUnicast(source) || isLoopback(source) || isMapped(source) || source.equals(destination)) {
      this.drops.count('ip.source')
      return false
    }
    if (this.addresses.accepts(destination)) {
      this.#knownSource = source
      this.#knownDestination = destination
      return true
    }
    if (packet.version === 6 && packet.protocol === ipProtocol.icmp6 && isMulticast(destination) && this.addresses.isAskedFor(destination)) return true
    this.drops.count('ip.destination')
    return false
  }

  #deliver(packet: IpPacket, verified: boolean): void {
    const transport = this.#transports.get(packet.protocol)
    if (transport) return transport.receive(packet, verified)
    this.drops.count('ip.protocol')
    if (packet.version === 4) this.icmp.sendError(packet.bytes, { kind: 'unreachable', code: unreachable4.protocol, value: 0 })
    else this.icmp.sendError(packet.bytes, { kind: 'parameter-problem', code: problemCode.nextHeader, value: packet.nextHeaderAt })
  }

  /** A refused header may have something to tell its sender (RFC 1122 3.2.2.5, RFC 8200 4). */
  #tellProblem(packet: IpPacket): void {
    if (packet.problemCode < 0) return
    const isOurs = this.addresses.accepts(packet.destination) || isMulticast(packet.destination)
    if (isOurs) this.icmp.sendError(packet.bytes, { kind: 'parameter-problem', code: packet.problemCode, value: packet.problemPointer })
  }

  /** When `expire` has something to do. */
  nextWake(): Milliseconds | undefined {
    return this.#reassembly.nextExpiry()
  }

  /** Gives up fragments whose packets did not become whole in time, and says so (RFC 792, RFC 8200 4.5). */
  expire(now: Milliseconds): void {
    this.#reassembly.expire(now, (firstFragment) => this.icmp.sendError(firstFragment, { kind: 'time-exceeded', code: 1, value: 0 }))
  }

  #icmpTransport(version: 4 | 6): Transport {
    return {
      receive: (packet, verified) => (packet.version === version ? this.icmp.receive(packet, verified) : this.drops.count('ip.protocol')),
      // Errors about our errors are nobody's; pings we do not send.
      icmpError: () => false,
    }
  }
}
