import { isCodedError, silentLog, systemClock, toCodedError, udpIdleByPort, type CodedError, type Log } from '@tunnel/flow'
import { openTunDevice, type Link, type LinkAddress, type Route, type RouteControl, type Rule, type TunDevice } from '@tunnel/linux'
import { createNetstack, type Netstack, type NetstackOptions } from '@tunnel/netstack'
import { addressBits, formatAddress } from '@tunnel/flow'
import type { TunInterceptorOptions } from '../tun-options.ts'
import { ChangeWatch } from './change-watch.ts'
import type { Destination } from './destination.ts'

export interface TunnelOptions {
  readonly settings: TunInterceptorOptions
  /** Lent. */
  readonly control: RouteControl
  readonly table: number
  readonly onGone: (error: CodedError) => void
  /** Somebody may have changed what is ours: time to `repair`. */
  readonly onChange: () => void
}

export interface Refusal {
  readonly destination: Destination
  readonly error: CodedError
}

const defaultAddresses: NonNullable<TunInterceptorOptions['addresses']> = { v4: '169.254.1.1', v6: 'fd7a:6974:6900::1' }
/** Of an address that is of no use to others, as the original gives it. */
const hostScope = 254
const defaultUdp = { queueLimit: 16, maxFlows: 4_096 }

/**
 * The link, the stack behind it, and what is routed there. All of it ends with the descriptor: the kernel takes addresses and routes away with the link.
 */
export class Tunnel {
  readonly device: TunDevice
  readonly stack: Netstack
  readonly ipv6: boolean
  readonly #control: RouteControl
  readonly #own: NonNullable<TunInterceptorOptions['addresses']>
  readonly #table: number
  readonly #present = new Map<string, Destination>()
  readonly #watch: ChangeWatch
  readonly #log: Log
  #name: string

  constructor({ settings, control, table, onGone, onChange }: TunnelOptions) {
    const { name, mtu, offloads, addresses = defaultAddresses, clock = systemClock, log = silentLog } = settings
    this.#own = addresses
    this.#table = table
    this.#log = log
    this.device = openTunDevice({ ...(name !== undefined && { name }), ...(mtu !== undefined && { mtu }), ...(offloads && { offloads }), onGone })
    this.#name = this.device.name
    this.#control = control
    try {
      for (const address of this.#ipv4Addresses()) this.#control.addAddress(address)
      this.ipv6 = this.#addIpv6()
      this.stack = createNetstack(stackOptions(this.device, settings))
      this.#watch = new ChangeWatch({ control: this.#control, index: this.device.index, clock, onChange })
    } catch (error) {
      void this.device.close()
      throw error
    }
  }

  /** Of the link, at present. */
  get name(): string {
    return this.#name
  }

  get destinations(): ReadonlyMap<string, Destination> {
    return this.#present
  }

  get ownAddresses(): string[] {
    return this.ipv6 ? [this.#own.v4, this.#own.v6] : [this.#own.v4]
  }

  /** Whether a client is known by the link's address: then it is a program of this host. */
  isOwn(address: string): boolean {
    return address === this.#own.v4 || address === this.#own.v6
  }

  /** Routes what is wanted into the link, and no more. What the host refuses is told; the rest is done. */
  moveTo(wanted: ReadonlyMap<string, Destination>): Refusal[] {
    this.#findLink()
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

  /** Somebody has switched the link off: it has lost its routes, and gets none. */
  get isOff(): boolean {
    return this.#findLink()?.up === false
  }

  /** Makes again what somebody has taken from the link, and tells how much that was. `undefined`: the link itself is not there. */
  repair(): { readonly switchedOn: boolean; readonly restored: number } | undefined {
    const link = this.#findLink()
    if (!link) return undefined
    if (!link.up) this.#control.setLink(link.name, { up: true })
    // It may be there, by another way of writing it.
    const addresses = this.#missingAddresses().filter((address) => unless('linux.exists', () => this.#control.addAddress(address)))
    const routes = this.#missingRoutes().filter((route) => unless('linux.exists', () => this.#control.addRoutes([route])))
    return { switchedOn: !link.up, restored: addresses.length + routes.length }
  }

  /** Those of `rules` that are not there. */
  missingRules(rules: readonly Rule[]): Rule[] {
    const present = new Set(this.#control.rules().map(ruleKey))
    return rules.filter((rule) => !present.has(ruleKey(rule)))
  }

  /** Those of them that are there. */
  removeRules(rules: readonly Rule[]): void {
    const missing = new Set(this.missingRules(rules))
    for (const rule of rules) if (!missing.has(rule)) this.#control.removeRule(rule)
  }

  addRule(rule: Rule): void {
    this.#control.addRule(rule)
  }

  async close(): Promise<void> {
    this.#watch.close()
    await this.stack.close()
  }

  /** By its number: somebody may have given it another name. */
  #findLink(): Link | undefined {
    const link = this.#control.links().find(({ index }) => index === this.device.index)
    if (!link || link.name === this.#name) return link
    this.#log('info', 'intercept/tun.watch', `somebody has renamed the TUN link ${this.#name}: it is ${link.name} now`)
    this.#name = link.name
    return link
  }

  #missingAddresses(): LinkAddress[] {
    const peers = [...this.#present.values()].filter(({ peer }) => peer).map((destination) => this.#peerAddress(destination))
    const wanted = [...this.#ipv4Addresses(), ...(this.ipv6 ? [this.#address(6)] : []), ...peers]
    const present = new Set(this.#control.addresses().map(addressKey))
    return wanted.filter((address) => !present.has(addressKey(address)))
  }

  #missingRoutes(): Route[] {
    const present = new Set(this.#control.routes({ table: this.#table }).map(routeKey))
    return [...this.#present.values()].map((destination) => this.routeOf(destination)).filter((route) => !present.has(routeKey(route)))
  }

  #add(cidr: string, destination: Destination): void {
    this.#control.addRoutes([this.routeOf(destination)])
    this.#present.set(cidr, destination)
    if (!destination.peer) return
    try {
      this.#control.addAddress(this.#peerAddress(destination))
    } catch (error) {
      this.#remove(cidr, { ...destination, peer: false })
      throw error
    }
  }

  #remove(cidr: string, destination: Destination): void {
    this.#present.delete(cidr)
    // Somebody was faster, or has deleted the link.
    unless('linux.missing', () => this.#control.removeRoutes([this.routeOf(destination)]))
    if (destination.peer) unless('linux.missing', () => this.#control.removeAddress(this.#peerAddress(destination)))
  }

  /** In a table of our own: sockets with the own mark never see it. */
  routeOf({ prefix: { family, length, cidr } }: Destination): Route {
    // The kernel takes no IPv6 address as a source that it has had for less than a moment, and takes the link's by itself.
    const source = family === 4 ? { source: this.#own.v4 } : {}
    return { family, destination: length === 0 ? 'default' : cidr, device: this.#name, table: this.#table, ...source }
  }

  #ipv4Addresses(): LinkAddress[] {
    const { peer } = this.#own
    return [this.#address(4), ...(peer === undefined ? [] : [this.#address(4, peer)])]
  }

  #peerAddress({ prefix: { family, low } }: Destination): LinkAddress {
    return this.#address(family, formatAddress(family, low))
  }

  #address(family: 4 | 6, peer?: string): LinkAddress {
    const address = family === 4 ? this.#own.v4 : this.#own.v6
    const own = { family, address, prefixLength: addressBits[family], device: this.#name, ...(family === 4 && { scope: hostScope }) }
    // The kernel would route the peer in its main table, where marked sockets would find it.
    return peer === undefined ? own : { ...own, peer, prefixRoute: false }
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

const addressKey = ({ device, address, peer }: LinkAddress): string => `${device} ${address} ${peer}`
const routeKey = ({ family, destination, device }: Route): string => `${family} ${destination} ${device}`
const ruleKey = ({ family, priority, table }: Rule): string => `${family} ${priority} ${table}`

/** False: the system has refused it with `code`, as it does when all is as wanted already. */
function unless(code: string, change: () => void): boolean {
  try {
    change()
    return true
  } catch (error) {
    if (isCodedError(error, code)) return false
    throw error
  }
}

function stackOptions(device: TunDevice, settings: TunInterceptorOptions): NetstackOptions {
  const { clock, log, udpIdle, udpQueue = defaultUdp.queueLimit, udpSessions = defaultUdp.maxFlows, through = (plain) => plain } = settings
  return {
    device: through(device),
    any: true,
    // Programs of this host have one address together.
    udp: { idle: udpIdleByPort(udpIdle), queueLimit: udpQueue, maxFlows: udpSessions, maxFlowsPerSource: udpSessions },
    // Whoever pings a service hears that the tunnel is there.
    ip: { answersEcho: () => true },
    ...(clock && { clock }),
    ...(log && { log }),
  }
}
