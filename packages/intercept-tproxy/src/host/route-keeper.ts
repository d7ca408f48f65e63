import { missingIn } from '@tunnel/core/contracts'
import { isCodedError, type HostChange } from '@tunnel/flow'
import { ownRouteProtocol, planRoute, planRule, type HostState, type Route, type RouteControl, type Rule } from '@tunnel/linux'

/** Routes and the rules that lead to them, by what tells them apart. */
export interface Routing {
  readonly routes: ReadonlyMap<string, Route>
  readonly rules: ReadonlyMap<string, Rule>
}

export function createRouting(routes: Iterable<Route>, rules: Iterable<Rule>): Routing {
  const routing = { routes: new Map<string, Route>(), rules: new Map<string, Rule>() }
  for (const route of routes) routing.routes.set(keyOf(route), route)
  for (const rule of rules) routing.rules.set(ruleKey(rule), rule)
  return routing
}

export interface Remains {
  /** Tables of which nobody else makes routes while this instance has its slot. */
  readonly tables: ReadonlySet<number>
  /** So many routes and rules of somebody who died were in the way. */
  readonly onRemoved: (count: number) => void
}

/** The routes and rules that we have made, each through the journal of the host. */
export class RouteKeeper {
  readonly #host: HostState
  readonly #control: RouteControl
  readonly #remains: Remains
  #kept: Routing = createRouting([], [])

  constructor(host: HostState, control: RouteControl, remains: Remains) {
    this.#host = host
    this.#control = control
    this.#remains = remains
  }

  get routes(): Iterable<Route> {
    return this.#kept.routes.values()
  }

  /** What `prepare` and `settle` would do. */
  plan(wanted: Routing): HostChange[] {
    const added = beyond(wanted, this.#kept)
    const removed = beyond(this.#kept, wanted)
    return [...changesOf(added), ...changesOf(removed).map(({ undo, ...change }) => undo ?? change)]
  }

  /** Makes what is missing. What stands in the way (the same destination with another source address) goes first. */
  async prepare(wanted: Routing): Promise<void> {
    const added = beyond(wanted, this.#kept)
    const places = new Set(added.routes.map(placeOf))
    const replaced = beyond(this.#kept, wanted).routes.filter((route) => places.has(placeOf(route)))
    if (replaced.length > 0) {
      await this.#host.revert(replaced.map(planRoute))
      const gone = new Set(replaced)
      this.#kept = createRouting([...this.routes].filter((route) => !gone.has(route)), this.#kept.rules.values())
    }
    const changes = changesOf(added)
    if (changes.length === 0) return
    await this.#make(changes)
    this.#kept = createRouting([...this.routes, ...added.routes], [...this.#kept.rules.values(), ...added.rules])
  }

  /** Takes back what is not wanted any more. */
  async settle(wanted: Routing): Promise<void> {
    const removed = changesOf(beyond(this.#kept, wanted))
    this.#kept = wanted
    if (removed.length > 0) await this.#host.revert(removed)
  }

  /** Puts back what somebody else has removed, and tells how many there were. They stand in the journal still. */
  repair(): Promise<number> {
    return this.#host.hold(() => this.#putBack(this.#missing()))
  }

  #putBack({ routes, rules }: Changed): number {
    // As they were made: with the number of who made them.
    if (routes.length > 0) this.#control.addRoutes(routes.map((route) => planRoute(route).parameters as unknown as Route))
    for (const rule of rules) this.#control.addRule(planRule(rule).parameters as unknown as Rule)
    return routes.length + rules.length
  }

  /** An instance that was killed with its janitor and lost its journal (a container's) has left its own in our tables. */
  async #make(changes: readonly HostChange[]): Promise<void> {
    try {
      await this.#host.apply(changes)
    } catch (error) {
      if (!isCodedError(error, 'linux.exists') || this.#removeRemains() === 0) throw error
      await this.#host.apply(changes)
    }
  }

  #removeRemains(): number {
    const isRemnant = ({ protocol, table }: Route | Rule): boolean => protocol === ownRouteProtocol && this.#remains.tables.has(table ?? 0)
    const rules = this.#control.rules().filter((rule) => isRemnant(rule) && !this.#kept.rules.has(ruleKey(rule)))
    const places = new Set([...this.routes].map(placeOf))
    const routes = [...this.#remains.tables].flatMap((table) => this.#control.routes({ table })).filter((route) => isRemnant(route) && !places.has(placeOf(route)))
    for (const rule of rules) this.#control.removeRule(rule)
    this.#control.removeRoutes(routes)
    if (rules.length + routes.length > 0) this.#remains.onRemoved(rules.length + routes.length)
    return rules.length + routes.length
  }

  #missing(): Changed {
    const tables = new Set([...this.#kept.routes.values()].map(({ table }) => table))
    const present = new Set([...tables].flatMap((table) => this.#control.routes(table === undefined ? {} : { table })).map(placeOf))
    const ruled = new Set(this.#control.rules().map(ruleKey))
    return {
      routes: [...this.#kept.routes.values()].filter((route) => !present.has(placeOf(route))),
      rules: [...this.#kept.rules.values()].filter((rule) => !ruled.has(ruleKey(rule))),
    }
  }
}

interface Changed {
  readonly routes: readonly Route[]
  readonly rules: readonly Rule[]
}

/** What is in the one and not in the other. */
function beyond(one: Routing, other: Routing): Changed {
  return { routes: missingIn(other.routes, one.routes), rules: missingIn(other.rules, one.rules) }
}

/** Rules come last, and so go first: no packet meets a table that is half made. */
function changesOf({ routes, rules }: Changed): HostChange[] {
  return [...routes.map(planRoute), ...rules.map(planRule)]
}

const remembered = new WeakMap<Route, string>()

function keyOf(route: Route): string {
  let key = remembered.get(route)
  if (key === undefined) remembered.set(route, (key = `${placeOf(route)} ${route.source}`))
  return key
}

/** The kernel takes one route to a place. */
function placeOf({ family, table, destination }: Route): string {
  return `${family} ${table} ${destination}`
}

function ruleKey({ family, priority, table }: Rule): string {
  return `${family} ${priority} ${table}`
}
