import type { HostChange } from '@tunnel/flow'
import type { HostState, Route } from '@tunnel/linux'
import { parsePrefix, type Prefix } from './address/prefix.ts'
import { compareBoxes } from './boxes/box.ts'
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
  #target: Target = { ...emptyTarget, host: { own: [], ipv6: false, source: { 4: '', 6: '' } } }

  constructor(options: InterceptionOptions) {
    this.#options = options
  }

  get target(): Target {
    return this.#target
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
    const { firewall, numbers, pools } = this.#options
    const wanted = routesOf(claims.values(), { form: firewall.form, numbers, host, pools })
    const routes = [...wanted, ...this.#heldBeside(wanted)]
    return createRouting(routes, rulesFor(routes, numbers))
  }

  #heldBeside(wanted: readonly Route[]): Route[] {
    const { flows, keeper } = this.#options
    if (flows.lingering.length === 0) return []
    const places = new Set(wanted.map(placeOf))
    return [...keeper.routes].filter((route) => !places.has(placeOf(route)) && this.#isNeeded(route))
  }

  #isNeeded({ family, destination, table }: Route): boolean {
    const { flows, numbers } = this.#options
    if (table === numbers.routing.marked.table) return flows.lingering.some((flow) => flow.family === family)
    const prefix = parsePrefix(destination === 'default' ? (family === 4 ? '0.0.0.0/0' : '::/0') : destination)
    return prefix !== undefined && flows.needs(prefix)
  }
}


function placeOf({ family, destination, table }: Route): string {
  return `${family} ${table} ${destination}`
}
