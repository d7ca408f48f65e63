import { type ApplyReport, describeClaim, type Interceptor, type InterceptTable, missingIn } from '@tunnel/core/contracts'
import { silentLog, systemClock, Turns, type Clock, type HostChange, type Log, type Milliseconds, type TcpRequest, type UdpRequest } from '@tunnel/flow'
import { openRouteControl, unlessRestored, type RouteControl } from '@tunnel/linux'
import { families, parsePrefix } from '@tunnel/flow'
import { applyTarget } from './apply-target.ts'
import type { Firewall } from './firewall/firewall.ts'
import { hasIp6tables } from './firewall/iptables-firewall.ts'
import { openFirewall } from './firewall/open-firewall.ts'
import { LiveFlows, type FlowEnds } from './flows/live-flows.ts'
import type { HostAddresses } from './host/host-addresses.ts'
import { HostWatch } from './host/host-watch.ts'
import { lanHints, openLan, planLan, repairLan, type LanOptions } from './host/lan-interfaces.ts'
import { readHostAddresses } from './host/read-host.ts'
import { RouteKeeper } from './host/route-keeper.ts'
import { Interception } from './interception.ts'
import { planClaims, planFirst } from './plan-target.ts'
import { Intake } from './sockets/intake.ts'
import { openListeners, type Listeners } from './sockets/open-listeners.ts'
import { createTproxyError } from './tproxy-error.ts'
import type { TproxyInterceptorOptions } from './tproxy-options.ts'
import { numbersOf, type Numbers } from './wanted/numbers.ts'
import type { FirewallForm } from './wanted/routing.ts'
import { resolveTarget, targetOf, type ResolvedTarget } from './wanted/target.ts'

export interface TproxyStats {
  readonly udpSessions: number
  /** UDP sessions that ended to make room for others. */
  readonly displacedSessions: number
  /** Datagrams dropped because a queue, or the kernel's send queue, was full. */
  readonly droppedDatagrams: number
  /** Open flows to what is no longer intercepted: the host is left clean when they have ended. */
  readonly lingeringFlows: number
}

export interface TproxyInterceptor extends Interceptor {
  readonly kind: 'tproxy'
  readonly firewall: FirewallForm
  /** Of the listeners on 127.0.0.1, and on [::1] where the host has IPv6. */
  readonly port: number
  readonly stats: TproxyStats
}

const source = 'intercept/tproxy'
const gathering: Milliseconds = 200

/**
 * Opens the listeners and the firewall; nothing is intercepted before the first `apply`. Needs CAP_NET_ADMIN. Rejects with
 * `tproxy.no-firewall` (neither form works: what each said), `linux.permission`, or `linux.exists` when `bindPort` is taken.
 */
export async function createTproxyInterceptor(options: TproxyInterceptorOptions): Promise<TproxyInterceptor> {
  const { log = silentLog, firewall: choice = 'auto', host, slot } = options
  const numbers = numbersOf(slot)
  const listeners = openListeners(options.bindPort, true)
  const { ports } = listeners
  let firewall: Firewall | undefined
  let control: RouteControl | undefined
  try {
    log('info', `${source}.New`, `tproxy listening on 127.0.0.1:${ports.v4}`)
    firewall = await openFirewall({ choice, host, numbers, ports, log })
    const ipv6 = ports.v6 !== undefined && (firewall.form === 'nftables' || (await hasIp6tables()))
    control = openRouteControl()
    const interceptor = new Tproxy(options, { listeners, firewall, control, numbers, ipv6 })
    await interceptor.start()
    return interceptor
  } catch (error) {
    await firewall?.close()
    control?.close()
    for (const socket of [...listeners.tcp, ...listeners.udp]) socket.close()
    throw error
  }
}

interface Parts {
  readonly listeners: Listeners
  readonly firewall: Firewall
  readonly control: RouteControl
  readonly numbers: Numbers
  readonly ipv6: boolean
}

class Tproxy implements TproxyInterceptor {
  readonly kind = 'tproxy'
  readonly #options: TproxyInterceptorOptions
  readonly #parts: Parts
  readonly #log: Log
  readonly #clock: Clock
  readonly #flows: LiveFlows
  readonly #keeper: RouteKeeper
  readonly #interception: Interception
  readonly #intake: Intake
  readonly #watch: HostWatch
  #table: InterceptTable = { listeners: [], intercepts: [] }
  #notes: ReadonlySet<string> = new Set()
  #lan: readonly HostChange[] | undefined
  readonly #turns = new Turns()
  readonly #nextWarning = new Map<'routing' | 'firewall', Milliseconds>()
  /** The host did not take all of the table. */
  #refused = false
  #settlingPlanned = false
  #closed = false
  #ended = false

  constructor(options: TproxyInterceptorOptions, parts: Parts) {
    const { host, poolRanges = [], log = silentLog, clock = systemClock } = options
    const { listeners, firewall, control, numbers } = parts
    this.#options = options
    this.#parts = parts
    this.#log = log
    this.#clock = clock
    this.#flows = new LiveFlows({ clock, onSettled: () => this.#planSettling() })
    this.#keeper = new RouteKeeper(host, control, {
      tables: new Set(Object.values(numbers.routing).map(({ table }) => table)),
      onRemoved: (count) => log('warn', `${source}.apply`, `removed ${count} routes and rules that an instance which died had left in our tables`),
    })
    const pools = poolRanges.flatMap((text) => parsePrefix(text) ?? [])
    this.#interception = new Interception({ host, numbers, pools, firewall, keeper: this.#keeper, flows: this.#flows })
    this.#intake = new Intake({ listeners, flows: this.#flows, settings: options, clock, log, wanted: (flow) => this.#isWanted(flow) })
    this.#watch = new HostWatch({
      control,
      clock,
      onChange: (removed) => this.#later(() => unlessRestored(this.#hostChanged(removed))),
      onInterval: () => this.#later(() => unlessRestored(this.#inspect())),
    })
  }

  get firewall(): FirewallForm {
    return this.#parts.firewall.form
  }

  get port(): number {
    return this.#parts.listeners.ports.v4
  }

  get stats(): TproxyStats {
    const { udpSessions, displacedSessions, droppedDatagrams } = this.#intake
    return { udpSessions, displacedSessions, droppedDatagrams, lingeringFlows: this.#flows.lingeringCount }
  }

  start(): Promise<void> {
    return this.#intake.start()
  }

  onRequest(handler: (request: TcpRequest | UdpRequest) => void): void {
    this.#intake.handler = handler
  }

  plan(wanted: InterceptTable): HostChange[] {
    const { firewall, numbers, listeners } = this.#parts
    const { target } = this.#resolve(wanted)
    const { claims } = this.#interception.target
    const isFirst = this.#lan === undefined && target.claims.size > 0
    return [
      ...(isFirst ? planFirst({ form: firewall.form, numbers, ports: listeners.ports, claims: target.claims.values() }) : []),
      ...(isFirst ? planLan(this.#lanOptions) : []),
      ...this.#interception.planRoutes(target),
      ...planClaims(firewall.form, claims, target.claims),
    ]
  }

  async apply(wanted: InterceptTable): Promise<ApplyReport> {
    return this.#turns.take(() => this.#apply(wanted))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#turns.take(async () => {
      this.#watch.close()
      this.#intake.stop()
      await this.#settle()
    })
  }

  async #apply(wanted: InterceptTable): Promise<ApplyReport> {
    if (this.#closed) return closedReport(wanted)
    this.#table = wanted
    const { target, failed, notes } = this.#resolve(wanted)
    this.#tell(notes)
    const before = this.#interception.target.claims
    if (target.claims.size > 0) await this.#openLan()
    this.#refused = true
    const refused = await applyTarget(this.#interception, target)
    this.#refused = refused.length > 0
    const after = this.#interception.target.claims
    return {
      applied: missingIn(before, after).map((claim) => `intercepting ${describeClaim(claim)}`),
      removed: missingIn(after, before).map((claim) => `stopped intercepting ${describeClaim(claim)}`),
      failed: [...failed, ...refused],
    }
  }

  #resolve(wanted: InterceptTable): ResolvedTarget {
    const host = readHostAddresses(this.#parts.control, this.#parts.ipv6)
    return resolveTarget(wanted, { addressesOf: this.#options.addressesOf ?? (() => []), host })
  }

  /** Once per note, as long as it holds. */
  #tell(notes: readonly string[]): void {
    for (const note of notes) if (!this.#notes.has(note)) this.#log('info', `${source}.apply`, note)
    this.#notes = new Set(notes)
  }

  get #lanOptions(): LanOptions {
    const { numbers, ipv6 } = this.#parts
    return { interfaces: this.#options.lanInterfaces ?? [], numbers, ipv6 }
  }

  async #openLan(): Promise<void> {
    if (this.#lan) return
    this.#lan = await openLan(this.#options.host, planLan(this.#lanOptions), this.#log)
    for (const hint of lanHints(this.#lanOptions.interfaces)) this.#log('warn', `${source}.lanInterfaces`, hint)
  }

  #isWanted(flow: FlowEnds): boolean {
    // While nothing lingers, the kernel brings nothing but what is intercepted.
    return this.#flows.lingeringCount === 0 || this.#interception.intercepts(flow)
  }

  async #hostChanged(removed: boolean): Promise<void> {
    if (this.#closed) return
    // First the addresses: routes that have gone with their source cannot be restored with it.
    const { host, claims } = this.#interception.target
    const now = readHostAddresses(this.#parts.control, this.#parts.ipv6)
    if (!isSameHost(now, host) && (claims.size > 0 || this.#refused)) await this.#applyAgain()
    const restored = removed ? await this.#keeper.repair() : 0
    if (restored > 0) this.#warn('routing', `somebody removed ${restored} of our routes and rules: they are restored`)
  }

  /** The same table on a host that has changed. */
  async #applyAgain(): Promise<void> {
    const report = await this.#apply(this.#table)
    for (const line of [...report.applied, ...report.removed]) this.#log('info', `${source}.hostChanged`, line)
    for (const { service, error } of report.failed) this.#log('error', `${source}.hostChanged`, error.message, { service })
  }

  async #inspect(): Promise<void> {
    if (this.#closed) return
    // What the host refused for a reason that we are not told of (`lo` was down) may be possible now.
    if (this.#refused) await this.#applyAgain()
    const repaired = [await this.#parts.firewall.repair(), this.#lan !== undefined && (await repairLan(this.#options.host, this.#lanOptions, this.#lan))]
    if (repaired.includes(true)) this.#warn('firewall', 'somebody changed our iptables rules: they are restored')
  }

  /** Of each kind once a minute: who changes a host often does not read faster. */
  #warn(kind: 'routing' | 'firewall', message: string): void {
    const now = this.#clock.now()
    if (now < (this.#nextWarning.get(kind) ?? 0)) return
    this.#nextWarning.set(kind, now + 60_000)
    this.#log('warn', `${source}.watch`, message)
  }

  /** Flows end in bunches, and each settling looks at all that is intercepted. */
  #planSettling(): void {
    if (this.#settlingPlanned) return
    this.#settlingPlanned = true
    this.#clock.after(gathering, () => {
      this.#settlingPlanned = false
      this.#later(() => this.#settle())
    })
  }

  /** After the end of lingering flows, and at the end: what the host still needs, and no more. */
  async #settle(): Promise<void> {
    if (this.#ended) return
    const { target } = this.#interception
    await unlessRestored(this.#interception.moveTo(this.#closed ? targetOf(new Map(), target.host) : target))
    if (!this.#closed || this.#flows.lingeringCount > 0) return
    this.#ended = true
    const { firewall, control } = this.#parts
    await unlessRestored(firewall.close())
    if (this.#lan) await unlessRestored(this.#options.host.revert(this.#lan))
    control.close()
  }

  /** For what nobody waits for. */
  #later(work: () => Promise<void>): void {
    this.#turns.take(work).catch((error: unknown) => this.#log('error', source, error instanceof Error ? error.message : String(error)))
  }
}

function isSameHost(one: HostAddresses, other: HostAddresses): boolean {
  return [...one.own].sort().join() === [...other.own].sort().join() && families.every((family) => one.source[family] === other.source[family])
}

function closedReport({ intercepts }: InterceptTable): ApplyReport {
  const error = createTproxyError('tproxy.closed', 'This interceptor is closed: create another')
  return { applied: [], removed: [], failed: intercepts.map(({ service }) => ({ service: service.name, error })) }
}

