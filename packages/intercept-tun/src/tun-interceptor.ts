import { type ApplyReport, type Claim, describeClaim, type Interceptor, type InterceptTable, missingIn, ownPrefixes, type Resolved, resolveTable } from '@tunnel/core/contracts'
import { formatEndpoint, isCodedError, silentLog, systemClock, Turns, type Cancel, type Clock, type Endpoint, type Flow, type HostChange, type Log, type Milliseconds, type TcpRequest, type UdpRequest } from '@tunnel/flow'
import { openRouteControl, openSocketDiag, ownMark, ownMask, planRoute, planRule, unlessRestored, type RouteControl, type Rule, type SocketDiag } from '@tunnel/linux'
import { contains, families, formatPrefix, parsePrefix, type Prefix } from '@tunnel/flow'
import { AbandonWatch } from './flows/abandon-watch.ts'
import { FlowLedger } from './flows/flow-ledger.ts'
import { TrackedTcpRequest, TrackedUdpRequest } from './flows/tracked-request.ts'
import { destinationsOf, type Destination } from './link/destination.ts'
import { OwnDatagramPort, OwnListener, type OwnPort, type TunDatagramPort, type TunListener } from './link/ports.ts'
import { Tunnel, type Refusal } from './link/tunnel.ts'
import { cannotOpen, createTunError } from './tun-error.ts'
import type { TunInterceptorOptions } from './tun-options.ts'
import { ClaimFinder, type Ends } from './wanted/claim-finder.ts'

export interface TunStats {
  readonly connections: number
  readonly udpSessions: number
  /** Packets that neither side took. */
  readonly droppedPackets: number
  /** Open flows to what is no longer intercepted: the link goes when they have ended. */
  readonly lingeringFlows: number
}

export interface TunInterceptor extends Interceptor {
  readonly kind: 'tun'
  /** Of the link: `tun0`. */
  readonly link: string
  readonly stats: TunStats
  /**
   * Opens a UDP port at an address that is reached through the link alone, for a DNS server of one's own. Rejects with `netstack.in-use`, and with what the
   * system says when the address cannot be routed.
   */
  openUdp(at: Endpoint): Promise<TunDatagramPort>
  /** The same for TCP: `onFlow` gets each connection, which is accepted by then. */
  listen(at: Endpoint, onFlow: (flow: Flow) => void): Promise<TunListener>
}

const source = 'intercept/tun'
/** As those of tproxy: 0x7a69, the high half of the own mark, in decimal. */
const tableBase = 3_133_760
const priorityBase = 100
/** A link that cannot be made again now may be possible later. */
const remakeAfter: Milliseconds = 1_000
/** Who keeps changing what is ours is told of so often. */
const tellingEvery: Milliseconds = 60_000

/** Makes the link and the stack; nothing is intercepted before the first `apply`. Needs CAP_NET_ADMIN. Rejects with `tun.no-device`. */
export async function createTunInterceptor(options: TunInterceptorOptions): Promise<TunInterceptor> {
  return new Tun(options)
}

class Tun implements TunInterceptor {
  readonly kind = 'tun'
  readonly #options: TunInterceptorOptions
  readonly #log: Log
  readonly #clock: Clock
  readonly #pools: readonly Prefix[]
  readonly #table: number
  readonly #ledger: FlowLedger
  readonly #control: RouteControl
  readonly #diag: SocketDiag
  readonly #watch: AbandonWatch
  readonly #ports = new Set<OwnPort>()
  #tunnel: Tunnel
  /** The last of those that somebody has deleted. */
  #goneTunnel: Tunnel | undefined
  #handler: ((request: TcpRequest | UdpRequest) => void) | undefined
  #claims: ReadonlyMap<string, Claim> = new Map()
  #finder = new ClaimFinder([])
  #notes: ReadonlySet<string> = new Set()
  #rules: readonly HostChange[] = []
  readonly #turns = new Turns()
  #closed = false
  #ended = false
  #cancelRemake: Cancel | undefined
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(options: TunInterceptorOptions) {
    const { log = silentLog, clock = systemClock, poolRanges = [], slot } = options
    this.#options = options
    this.#log = log
    this.#clock = clock
    this.#pools = poolRanges.flatMap((text) => parsePrefix(text) ?? [])
    this.#table = tableBase + slot
    this.#ledger = new FlowLedger(clock, () => this.#flowEnded())
    this.#control = openRouteControl()
    this.#diag = openSocketDiag()
    this.#watch = new AbandonWatch({ clock, isWaiting: (from, to) => (this.#tunnel.isOwn(from.address) ? this.#diag.isConnecting(from, to) : undefined) })
    try {
      this.#tunnel = this.#open()
    } catch (error) {
      this.#closeOwn()
      throw error
    }
  }

  get link(): string {
    return this.#tunnel.name
  }

  get stats(): TunStats {
    const { connections, datagramFlows } = this.#tunnel.stack.stats
    const lingeringFlows = [...this.#ledger].filter((ends) => this.#finder.find(ends) === 'unknown').length
    return { connections, udpSessions: datagramFlows, droppedPackets: this.#tunnel.device.dropped, lingeringFlows }
  }

  onRequest(handler: (request: TcpRequest | UdpRequest) => void): void {
    this.#handler = handler
  }

  openUdp(at: Endpoint): Promise<TunDatagramPort> {
    return this.#openPort(new OwnDatagramPort(at, this.#portClosed))
  }

  listen(at: Endpoint, onFlow: (flow: Flow) => void): Promise<TunListener> {
    return this.#openPort(new OwnListener(at, onFlow, this.#portClosed))
  }

  #openPort<Port extends OwnPort>(port: Port): Promise<Port> {
    return this.#turns.take(async () => {
      if (this.#isWithoutLink) throw createTunError('tun.no-device', `Cannot open ${formatEndpoint(port.local)} inside the tunnel: the link is gone and cannot be made again yet`)
      port.open(this.#tunnel.stack)
      this.#ports.add(port)
      const [refused] = await this.#moveTo(this.#claims)
      if (refused) {
        port.close()
        throw refused.error
      }
      await this.#settleRules()
      return port
    })
  }

  readonly #portClosed = (port: OwnPort): void => {
    this.#ports.delete(port)
    if (!this.#ended) this.#later(() => this.#settle())
  }

  plan(wanted: InterceptTable): HostChange[] {
    const { claims } = this.#resolve(wanted)
    const destinations = this.#needed(claims)
    const { destinations: present } = this.#tunnel
    const routes = missingIn(present, destinations).map((destination) => planRoute(this.#tunnel.routeOf(destination)))
    const gone = missingIn(destinations, present).map((destination) => planRoute(this.#tunnel.routeOf(destination)))
    const isFirst = this.#rules.length === 0 && destinations.size > 0
    return [
      // The kernel undoes these with the link.
      ...gone.map(({ undo, ...change }) => undo ?? change),
      ...(isFirst ? [this.#planLink()] : []),
      ...routes.map(({ undo: _undo, ...change }) => change),
      ...(isFirst ? this.#planRules() : []),
      ...missingIn(claims, this.#claims).map((claim) => planClaim('tun.release', 'stop intercepting', claim)),
      ...missingIn(this.#claims, claims).map((claim) => planClaim('tun.intercept', 'intercept', claim)),
    ]
  }

  apply(wanted: InterceptTable): Promise<ApplyReport> {
    return this.#turns.take(() => this.#apply(wanted))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#turns.take(async () => {
      this.#setClaims(new Map())
      // A program that ends need not wait for the silence of its last clients.
      this.#tunnel.device.unref()
      await this.#settle()
    })
  }

  async #apply(wanted: InterceptTable): Promise<ApplyReport> {
    if (this.#closed) return closedReport(wanted)
    const { claims, failed, notes } = this.#resolve(wanted)
    for (const note of notes) if (!this.#notes.has(note)) this.#log('info', `${source}.apply`, note)
    this.#notes = new Set(notes)
    const refused = await this.#moveTo(claims)
    const kept = new Map([...claims].filter(([, { to }]) => !refused.some(({ destination }) => contains(destination.prefix, to))))
    const before = this.#claims
    this.#setClaims(kept)
    await this.#settleRules()
    return {
      applied: missingIn(before, kept).map((claim) => `intercepting ${describeClaim(claim)}`),
      removed: missingIn(kept, before).map((claim) => `stopped intercepting ${describeClaim(claim)}`),
      failed: [...failed, ...missingIn(kept, claims).map((claim) => ({ service: claim.service, error: refusalOf(claim, refused) }))],
    }
  }

  /** The kernel routes nothing into a link that somebody has just switched off; and where there is none now, all is routed when there is one again. */
  async #moveTo(claims: ReadonlyMap<string, Claim>): Promise<Refusal[]> {
    if (this.#isWithoutLink) return []
    if (this.#tunnel.isOff) await this.#repair().catch(this.#tellError)
    return this.#tunnel.moveTo(this.#needed(claims))
  }

  #setClaims(claims: ReadonlyMap<string, Claim>): void {
    this.#claims = claims
    this.#finder = new ClaimFinder(claims.values())
  }

  #resolve(table: InterceptTable): Resolved {
    const { addressesOf = () => [] } = this.#options
    return resolveTable(table, { kind: this.kind, addressesOf, own: ownPrefixes(this.#control.addresses().map(({ address }) => address)), ipv6: this.#tunnel.ipv6 })
  }

  /** What claims need, and our own ports, and what flows that are under way still need of what is there. */
  #needed(claims: ReadonlyMap<string, Claim>): Map<string, Destination> {
    const needed = destinationsOf(claims.values(), this.#pools)
    for (const { local } of this.#ports) {
      const prefix = parsePrefix(local.address)
      // Shown as a peer also where its range is routed: others on this host see that the range is in use.
      if (prefix) needed.set(prefix.cidr, { prefix, peer: prefix.family === 4 })
    }
    const left = [...this.#tunnel.destinations].filter(([cidr]) => !needed.has(cidr))
    if (left.length === 0) return needed
    const open = [...this.#ledger].flatMap(({ to }) => parsePrefix(to.address) ?? [])
    for (const [cidr, destination] of left) if (open.some((address) => contains(destination.prefix, address))) needed.set(cidr, destination)
    return needed
  }

  #open(): Tunnel {
    try {
      const tunnel = new Tunnel({
        settings: this.#options,
        control: this.#control,
        table: this.#table,
        onGone: (error) => this.#gone(error.message),
        onChange: () => this.#later(() => this.#repair()),
      })
      tunnel.stack.onConnect((request) => this.#request(request, (onEnd) => new TrackedTcpRequest(request, this.#watch, onEnd)))
      tunnel.stack.onDatagram((request) => this.#request(request, (onEnd) => new TrackedUdpRequest(request, onEnd)))
      return tunnel
    } catch (error) {
      throw cannotOpen(this.#options, error)
    }
  }

  #request(request: TcpRequest | UdpRequest, track: (onEnd: () => void) => TcpRequest | UdpRequest): void {
    const ends: Ends = { protocol: request.protocol, from: request.from, to: request.to }
    const answer = this.#finder.find(ends)
    if (answer === 'prohibited') return request.refuse('prohibited')
    if (answer === 'unknown' || !this.#handler) return request.refuse('reset')
    this.#handler(track(this.#ledger.begin(ends)))
  }

  /** Somebody has deleted the link. Its connections are lost; a new one takes its place. */
  #gone(why: string): void {
    const gone = this.#tunnel
    if (this.#goneTunnel === gone) return
    this.#goneTunnel = gone
    this.#log('warn', `${source}.gone`, `${why}: making it again, open connections are lost`)
    this.#later(async () => {
      if (this.#ended) return
      await gone.close()
      await this.#remake()
    })
  }

  /** It is gone, and could not be made again yet. */
  get #isWithoutLink(): boolean {
    return this.#cancelRemake !== undefined
  }

  /** Until it works: what takes /dev/net/tun away may bring it back. */
  async #remake(): Promise<void> {
    if (this.#ended) return
    try {
      this.#tunnel = this.#open()
    } catch (error) {
      if (!this.#isWithoutLink) this.#log('error', `${source}.gone`, `${(error as Error).message}: services are not reached until it can be made again`)
      this.#cancelRemake = this.#clock.after(remakeAfter, () => this.#later(() => this.#remake()))
      return
    }
    this.#cancelRemake = undefined
    for (const port of this.#ports) port.open(this.#tunnel.stack)
    if (this.#closed) this.#tunnel.device.unref()
    await this.#settle()
    this.#log('info', `${source}.gone`, `${this.link} is there again`)
  }

  /** Somebody may have switched the link off, or removed addresses, routes or rules of it. */
  async #repair(): Promise<void> {
    if (this.#ended || this.#isWithoutLink) return
    const repaired = this.#tunnel.repair()
    if (!repaired) return this.#gone(`The TUN link ${this.link} is gone: somebody has moved it elsewhere`)
    const restored = repaired.restored + (await this.#repairRules())
    if (restored === 0 && !repaired.switchedOn) return
    const now = this.#clock.now()
    if (now - this.#toldAt < tellingEvery) return
    this.#toldAt = now
    const words = repaired.switchedOn ? `switched ${this.link} off: it is on again, with ${restored}` : `removed ${restored}`
    this.#log('warn', `${source}.watch`, `somebody ${words} of our addresses, routes and rules${repaired.switchedOn ? '' : ': they are restored'}`)
  }

  /** They stand in the journal still. */
  async #repairRules(): Promise<number> {
    if (this.#rules.length === 0) return 0
    return this.#options.host.hold(() => {
      const missing = this.#tunnel.missingRules(this.#rules.map(ruleOf))
      for (const rule of missing) this.#tunnel.addRule(rule)
      return missing.length
    })
  }

  #flowEnded(): void {
    // While nothing is left over, nothing is to be tidied.
    if (!this.#ended && (this.#closed || this.#tunnel.destinations.size > this.#needed(this.#claims).size)) this.#later(() => this.#settle())
  }

  /** What is still needed, and no more; after `close` and the end of the last flow nothing. */
  async #settle(): Promise<void> {
    if (this.#ended) return
    this.#ended = this.#closed && this.#ledger.size === 0
    if (this.#ended) for (const port of this.#ports) port.close()
    if (!this.#isWithoutLink) {
      for (const { destination, error } of this.#tunnel.moveTo(this.#needed(this.#claims))) {
        this.#log('error', `${source}.settle`, `cannot route ${formatPrefix(destination.prefix)} into ${this.link}: ${error.message}`)
      }
    }
    await this.#settleRules()
    if (!this.#ended) return
    this.#cancelRemake?.()
    await this.#tunnel.close()
    this.#closeOwn()
  }

  #closeOwn(): void {
    this.#watch.close()
    this.#diag.close()
    this.#control.close()
  }

  /** A rule leads to our table while there is something in it. */
  async #settleRules(): Promise<void> {
    const wanted = this.#isWithoutLink ? this.#claims.size + this.#ports.size > 0 : this.#tunnel.destinations.size > 0
    if (wanted === this.#rules.length > 0) return
    if (wanted) {
      const rules = this.#planRules()
      await this.#makeRules(rules)
      this.#rules = rules
    } else {
      const rules = this.#rules
      this.#rules = []
      await unlessRestored(this.#options.host.revert(rules))
    }
  }

  /** An instance that was killed with its janitor and lost its journal (a container's) has left rules with our numbers, which are nobody's now. */
  async #makeRules(rules: readonly HostChange[]): Promise<void> {
    const { host } = this.#options
    try {
      await host.apply(rules)
    } catch (error) {
      if (!isCodedError(error, 'linux.exists')) throw error
      await host.hold(() => this.#tunnel.removeRules(rules.map(ruleOf)))
      this.#log('info', `${source}.apply`, 'a tunneler that died had left rules of this host: they are replaced')
      await host.apply(rules)
    }
  }

  #planLink(): HostChange {
    const { name, device: { mtu } } = this.#tunnel
    const addresses = this.#tunnel.ownAddresses
    return { kind: 'link.add', summary: `make the TUN link ${name} with ${addresses.join(' and ')}, MTU ${mtu}`, parameters: { name, mtu, addresses: addresses.join(' ') } }
  }

  /** Sockets with the own mark are not led there. */
  #planRules(): HostChange[] {
    const used = families.filter((family) => family === 4 || this.#tunnel.ipv6)
    return used.map((family) => {
      const rule: Rule = { family, priority: priorityBase + this.#options.slot, mark: ownMark, mask: ownMask, invert: true, table: this.#table }
      return planRule(rule)
    })
  }

  /** For what nobody waits for. */
  #later(work: () => Promise<void>): void {
    this.#turns.take(work).catch(this.#tellError)
  }

  readonly #tellError = (error: unknown): void => this.#log('error', source, error instanceof Error ? error.message : String(error))
}

const ruleOf = ({ parameters }: HostChange): Rule => parameters as unknown as Rule

function planClaim(kind: string, words: string, claim: Claim): HostChange {
  const { service, protocol, ports } = claim
  return { kind, summary: `${words} ${describeClaim(claim)}`, parameters: { service, protocol, low: ports.low, high: ports.high, intercept: describeClaim(claim) } }
}

function refusalOf(claim: Claim, refused: ReturnType<Tunnel['moveTo']>): ApplyReport['failed'][number]['error'] {
  const refusal = refused.find(({ destination }) => contains(destination.prefix, claim.to))
  return refusal?.error ?? createTunError('tun.apply-failed', `Cannot intercept ${describeClaim(claim)}`)
}

function closedReport({ intercepts }: InterceptTable): ApplyReport {
  const error = createTunError('tun.closed', 'This interceptor is closed: create another')
  return { applied: [], removed: [], failed: intercepts.map(({ service }) => ({ service: service.name, error })) }
}
