import type { HostChange } from '@tunnel/flow'
import { planRoute, planRule, type HostState, type Route, type RouteControl, type Rule } from '@tunnel/linux'
import { missingIn } from '../missing-in.ts'

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

/** The routes and rules that we have made, each through the journal of the host. */
export class RouteKeeper {
  readonly #host: HostState
  readonly #control: RouteControl
  #kept: Routing = createRouting([], [])

  constructor(host: HostState, control: RouteControl) {
    this.#host = host
    this.#control = control
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
    await this.#host.apply(changes)
    this.#kept = createRouting([...this.routes, ...added.routes], [...this.#kept.rules.values(), ...added.rules])
  }

  /** Takes back what is not wanted any more. */
  async settle(wanted: Routing): Promise<void> {
    const removed = changesOf(beyond(this.#kept, wanted))
    this.#kept = wanted
    if (removed.length > 0) await this.#host.revert(removed)
  }

  /** Puts back what somebody else has removed, and tells how many there were. They stand in the journal still. */
  repair(): number {
    const { routes, rules } = this.#missing()
    // As they were made: with the number of who made them.
    if (routes.length > 0) this.#control.addRoutes(routes.map((route) => planRoute(route).parameters as unknown as Route))
    for (const rule of rules) this.#control.addRule(rule)
    return routes.length + rules.length
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
