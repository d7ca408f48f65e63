import { isCodedError, toCodedError, type CodedError } from '@tunnel/flow'
import { openRouteControl, openTunDevice, type LinkAddress, type Route, type RouteControl, type TunDevice } from '@tunnel/linux'
import { createNetstack, type Netstack, type NetstackOptions } from '@tunnel/netstack'
import { addressBits, formatAddress } from '@tunnel/flow'
import type { TunInterceptorOptions } from '../tun-options.ts'
import type { Destination } from './destination.ts'

export interface TunnelOptions {
  readonly settings: TunInterceptorOptions
  readonly table: number
  readonly onGone: (error: CodedError) => void
}

export interface Refusal {
  readonly destination: Destination
  readonly error: CodedError
}

const defaultAddresses = { v4: '169.254.1.1', v6: 'fd7a:6974:6900::1' }
/** Of an address that is of no use to others, as the original gives it. */
const hostScope = 254
const defaultUdp = { idle: 300_000, queueLimit: 16, maxFlows: 4_096 }

/**
 * The link, the stack behind it, and what is routed there. All of it ends with the descriptor: the kernel takes addresses and routes away with the link.
 */
export class Tunnel {
  readonly device: TunDevice
  readonly stack: Netstack
  readonly ipv6: boolean
  readonly #control: RouteControl
  readonly #own: { readonly v4: string; readonly v6: string }
  readonly #table: number
  readonly #present = new Map<string, Destination>()

  constructor({ settings, table, onGone }: TunnelOptions) {
    const { name, mtu, offloads, addresses = defaultAddresses } = settings
    this.#own = addresses
    this.#table = table
    this.device = openTunDevice({ ...(name !== undefined && { name }), ...(mtu !== undefined && { mtu }), ...(offloads && { offloads }), onGone })
    this.#control = openRouteControl()
    try {
      this.#control.addAddress(this.#address(4))
      this.ipv6 = this.#addIpv6()
      this.stack = createNetstack(stackOptions(this.device, settings))
    } catch (error) {
      this.#control.close()
      void this.device.close()
      throw error
    }
  }

  get destinations(): ReadonlyMap<string, Destination> {
    return this.#present
  }

  /** The link's own among them, not those of its peers. */
  hostAddresses(): string[] {
    return this.#control.addresses().map(({ address }) => address)
  }

  /** Whether a client is known by the link's address: then it is a program of this host. */
  isOwn(address: string): boolean {
    return address === this.#own.v4 || address === this.#own.v6
  }

  /** Routes what is wanted into the link, and no more. What the host refuses is told; the rest is done. */
  moveTo(wanted: ReadonlyMap<string, Destination>): Refusal[] {
    const refused: Refusal[] = []
    for (const [cidr, present] of [...this.#present]) if (wanted.get(cidr)?.peer !== present.peer) this.#remove(cidr, present)
    for (const [cidr, destination] of wanted) {
      if (this.#present.has(cidr)) continue
      try {
        this.#add(cidr, destination)
      } catch (error) {
        refused.push({ destination, error: toCodedError(error, 'tun.apply-failed') })
      }
    }
    return refused
  }

  async close(): Promise<void> {
    this.#control.close()
    await this.stack.close()
  }

  #add(cidr: string, destination: Destination): void {
    this.#control.addRoutes([this.routeOf(destination)])
    this.#present.set(cidr, destination)
    if (!destination.peer) return
    try {
      this.#control.addAddress(this.#address(destination.prefix.family, destination))
    } catch (error) {
      this.#remove(cidr, { ...destination, peer: false })
      throw error
    }
  }

  #remove(cidr: string, destination: Destination): void {
    this.#present.delete(cidr)
    this.#control.removeRoutes([this.routeOf(destination)])
    if (!destination.peer) return
    try {
      this.#control.removeAddress(this.#address(destination.prefix.family, destination))
    } catch (error) {
      // Somebody was faster.
      if (!isCodedError(error, 'linux.missing')) throw error
    }
  }

  /** In a table of our own: sockets with the own mark never see it. */
  routeOf({ prefix: { family, length, cidr } }: Destination): Route {
    // The kernel takes no IPv6 address as a source that it has had for less than a moment, and takes the link's by itself.
    const source = family === 4 ? { source: this.#own.v4 } : {}
    return { family, destination: length === 0 ? 'default' : cidr, device: this.device.name, table: this.#table, ...source }
  }

  #address(family: 4 | 6, destination?: Destination): LinkAddress {
    const address = family === 4 ? this.#own.v4 : this.#own.v6
    const own = { family, address, prefixLength: addressBits[family], device: this.device.name, ...(family === 4 && { scope: hostScope }) }
    // The kernel would route the peer in its main table, where marked sockets would find it.
    return destination ? { ...own, peer: formatAddress(family, destination.prefix.low), prefixRoute: false } : own
  }

  #addIpv6(): boolean {
    try {
      this.#control.addAddress(this.#address(6))
      return true
    } catch (error) {
      if (isCodedError(error, 'linux.permission') || isCodedError(error, 'linux.unsupported') || isCodedError(error, 'linux.call-failed')) return false
      throw error
    }
  }
}

function stackOptions(device: TunDevice, { clock, log, udpIdle, udpQueue, udpSessions }: TunInterceptorOptions): NetstackOptions {
  return {
    device,
    any: true,
    udp: { idle: udpIdle ?? defaultUdp.idle, queueLimit: udpQueue ?? defaultUdp.queueLimit, maxFlows: udpSessions ?? defaultUdp.maxFlows },
    // Whoever pings a service hears that the tunnel is there.
    ip: { answersEcho: () => true },
    ...(clock && { clock }),
    ...(log && { log }),
  }
}
