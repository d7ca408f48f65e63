import { ownMark, ownMask, type Route, type Rule } from '@tunnel/linux'
import { contains, type Family, type Prefix } from '../address/prefix.ts'
import type { Claim } from './claim.ts'
import type { HostAddresses } from '../host/host-addresses.ts'
import type { Numbers } from './numbers.ts'

export type FirewallForm = 'nftables' | 'iptables'

export interface RoutingOptions {
  readonly form: FirewallForm
  readonly numbers: Numbers
  readonly host: HostAddresses
  /** Ranges that names have their addresses from. */
  readonly pools: readonly Prefix[]
}

/** The routes by which packets for the claims come to us. */
export function routesOf(claims: Iterable<Claim>, options: RoutingOptions): Route[] {
  const { form, numbers, host } = options
  const wanted: Record<'ours' | 'fallback', Prefix[]> = { ours: [], fallback: [] }
  for (const { to, named } of claims) {
    const name = form === 'iptables' || named ? 'ours' : 'fallback'
    wanted[name].push((named && options.pools.find((pool) => contains(pool, to))) || to)
  }
  const routes = (['ours', 'fallback'] as const).flatMap((name) =>
    outermost(wanted[name]).map((prefix) => routeTo(prefix, numbers.routing[name].table, host.source[prefix.family])),
  )
  if (form === 'iptables' || routes.length === 0) return routes
  const used: Family[] = host.ipv6 ? [4, 6] : [4]
  return [...routes, ...used.map((family) => localRoute(family, 'default', numbers.routing.marked.table))]
}

const remembered = new WeakMap<Prefix, Route>()

/** The same object each time: of ten thousand routes only the new ones cost anything. */
function routeTo(prefix: Prefix, table: number, source: string): Route {
  const before = remembered.get(prefix)
  if (before?.table === table && before.source === source) return before
  const route = { ...localRoute(prefix.family, destinationOf(prefix), table), source }
  remembered.set(prefix, route)
  return route
}

function destinationOf(prefix: Prefix): string {
  return prefix.length === 0 ? 'default' : prefix.cidr
}

function localRoute(family: Family, destination: string, table: number): Route {
  return { family, destination, type: 'local', device: 'lo', table }
}

/** The rules that lead to the routes: only for tables that have some. Traffic of tunnelers passes all but the one for the mark, which it never has. */
export function rulesFor(routes: readonly Route[], { routing, mark }: Numbers): Rule[] {
  return (['marked', 'ours', 'fallback'] as const).flatMap((name) => {
    const { table, priority } = routing[name]
    const families = new Set(routes.filter((route) => route.table === table).map(({ family }) => family))
    return [...families].map((family): Rule =>
      name === 'marked'
        ? { family, priority, mark, mask: mark, table }
        : { family, priority, mark: ownMark, mask: ownMask, invert: true, table },
    )
  })
}

/** Without repeats and without what lies in another. */
function outermost(prefixes: readonly Prefix[]): Prefix[] {
  const sorted = prefixes.toSorted((a, b) => a.family - b.family || (a.low === b.low ? a.length - b.length : a.low < b.low ? -1 : 1))
  const found: Prefix[] = []
  for (const prefix of sorted) {
    const last = found.at(-1)
    if (!last || !contains(last, prefix)) found.push(prefix)
  }
  return found
}
