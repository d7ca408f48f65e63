import type { Claim } from '@tunnel/core/contracts'
import { ownMark, ownMask, type Route, type Rule } from '@tunnel/linux'
import { contains, type Prefix } from '@tunnel/flow'
import type { HostAddresses } from '../host/host-addresses.ts'
import type { Numbers } from './numbers.ts'

export type FirewallForm = 'nftables' | 'iptables'

export interface RoutingOptions {
  readonly numbers: Numbers
  readonly host: HostAddresses
  /** Ranges that names have their addresses from. */
  readonly pools: readonly Prefix[]
}

/** The routes by which packets for the claims come to us. */
export function routesOf(claims: Iterable<Claim>, options: RoutingOptions): Route[] {
  const { numbers, host } = options
  const wanted: Record<'ours' | 'fallback', Prefix[]> = { ours: [], fallback: [] }
  for (const { to, named } of claims) {
    const pool = named ? options.pools.find((range) => contains(range, to)) : undefined
    wanted[pool ? 'ours' : 'fallback'].push(pool ?? to)
  }
  return (['ours', 'fallback'] as const).flatMap((name) =>
    outermost(wanted[name]).map((prefix) => routeTo(prefix, numbers.routing[name].table, host.source[prefix.family])),
  )
}

const remembered = new WeakMap<Prefix, Route>()

/** The same object each time: of ten thousand routes only the new ones cost anything. */
function routeTo(prefix: Prefix, table: number, source: string): Route {
  const before = remembered.get(prefix)
  if (before?.table === table && before.source === source) return before
  const route: Route = { family: prefix.family, destination: destinationOf(prefix), type: 'local', device: 'lo', table, source }
  remembered.set(prefix, route)
  return route
}

function destinationOf(prefix: Prefix): string {
  return prefix.length === 0 ? 'default' : prefix.cidr
}

/**
 * The rules that lead to the routes: only for tables that have some. Traffic of tunnelers passes all but the one for the mark, which it never
 * has. That one leads to the intercepted addresses and not to a table in which everything is local: firewalls and the kernel
 * (`src_valid_mark`, which wg-quick sets) look by the mark of a packet for the way back to its source, and would find it here.
 */
export function rulesFor(routes: readonly Route[], { routing, markPriority, mark }: Numbers): Rule[] {
  return (['ours', 'fallback'] as const).flatMap((name) => {
    const { table, priority } = routing[name]
    const families = new Set(routes.filter((route) => route.table === table).map(({ family }) => family))
    return [...families].flatMap((family): Rule[] => [
      ...(name === 'fallback' ? [{ family, priority: markPriority, mark, mask: mark, table }] : []),
      { family, priority, mark: ownMark, mask: ownMask, invert: true, table },
    ])
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
