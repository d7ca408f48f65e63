import type { HostChange } from '@tunnel/flow'
import type { HostState, Route } from '@tunnel/linux'
import type { Prefix } from '@tunnel/flow'
import { compareBoxes, createBoxFinder, type Destination } from './boxes/box.ts'
import { emptyTarget, type Firewall } from './firewall/firewall.ts'
import type { LiveFlows } from './flows/live-flows.ts'
import { createRouting, type RouteKeeper, type Routing } from './host/route-keeper.ts'
import type { Numbers } from './wanted/numbers.ts'
import { routesOf, rulesFor } from './wanted/routing.ts'
import type { Target } from './wanted/target.ts'

export interface InterceptionOptions {
  readonly host: HostState
  readonly numbers: Numbers
  readonly pools: readonly Prefix[]
  readonly firewall: Firewall
  readonly keeper: RouteKeeper
  readonly flows: LiveFlows
}

/** What is intercepted now, and the way from there to what shall be. Calls must not overlap. */
export class Interception {
  readonly #options: InterceptionOptions
  #finder: { readonly boxes: Target['boxes']; readonly find: (destination: Destination) => boolean } | undefined
  #target: Target = { ...emptyTarget, host: { own: [], ipv6: false, source: { 4: '', 6: '' } } }

  constructor(options: InterceptionOptions) {
    this.#options = options
  }

  get target(): Target {
    return this.#target
  }

  /** Whether a destination is intercepted now, for some source at least. */
  intercepts(destination: Destination): boolean {
    if (this.#finder?.boxes !== this.#target.boxes) this.#finder = { boxes: this.#target.boxes, find: createBoxFinder(this.#target.boxes.values()) }
    return this.#finder.find(destination)
  }

  /** Routes come before the firewall sends packets there, and go after it. When one part fails, all is as it was. */
  async moveTo(target: Target): Promise<void> {
    const { flows, keeper, firewall } = this.#options
    const { removed } = compareBoxes(this.#target.boxes, target.boxes)
    if (removed.length > 0) flows.linger(removed)
    const routing = this.#routingFor(target)
    try {
      await keeper.prepare(routing)
      await firewall.update({ ...target, lingering: flows.lingering })
    } catch (error) {
      const before = this.#routingFor(this.#target)
      await keeper.prepare(before).catch(() => {})
      await keeper.settle(before)
      throw error
    }
    this.#target = target
    await keeper.settle(routing)
  }

  planRoutes(target: Target): HostChange[] {
    return this.#options.keeper.plan(this.#routingFor(target))
  }

  /** What the target needs, and what lingering flows still need of what is there. */
  #routingFor({ claims, host }: Target): Routing {
    const { numbers, pools } = this.#options
    const wanted = routesOf(claims.values(), { numbers, host, pools })
    const routes = [...wanted, ...this.#heldBeside(wanted)]
    return createRouting(routes, rulesFor(routes, numbers))
  }

  #heldBeside(wanted: readonly Route[]): Route[] {
    const { flows, keeper } = this.#options
    if (flows.lingeringCount === 0) return []
    const places = new Set(wanted.map(placeOf))
    const isNeeded = flows.createNeed()
    const everything = { 4: '0.0.0.0/0', 6: '::/0' } as const
    const cidrOf = ({ destination, family }: Route): string => (destination === 'default' ? everything[family] : destination)
    return [...keeper.routes].filter((route) => !places.has(placeOf(route)) && isNeeded(cidrOf(route)))
  }
}

function placeOf({ family, destination, table }: Route): string {
  return `${family} ${table} ${destination}`
}
