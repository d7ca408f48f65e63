import { createStubLookup, syntheticPool } from '@tunnel/dns'
import type { Log } from '@tunnel/flow'
import type { ResolverFacts } from '@tunnel/linux'
import { openRouteControl, slotCount, upstreamsOf } from '@tunnel/linux'
import type { NameBook } from '../names/name-book.ts'
import { createOriginalNames } from '../names/original-names.ts'
import { createSyntheticNames } from '../names/synthetic-names.ts'
import type { HostLookup } from '../network/host-lookup.ts'
import { createHostLookup } from '../network/host-lookup.ts'
import { markedQuestions } from '../network/marked-network.ts'
import type { InterceptOptions } from '../options/intercept-options.ts'
import type { DnsPlaces } from '../resolver/dns-places.ts'
import { upstreamUrls } from '../resolver/upstreams.ts'
import { linkAddress } from '../resolver/wanted-resolver.ts'
import { tunAddressesOf } from './tun-addresses.ts'

/** Names and addresses, in both directions: of services for programs of this host, and of the network for us. */
export interface NameSystem {
  readonly book: NameBook
  /** Ranges that names have their addresses of; empty where they have those of others. */
  readonly ranges: readonly string[]
  readonly lookup: HostLookup
  /** URLs of the servers for all names that are not ours. */
  readonly upstreams: readonly string[]
}

export interface NameSystemOptions {
  readonly options: InterceptOptions
  readonly facts: ResolverFacts
  readonly places: DnsPlaces
  readonly log: Log
  /** Applies the table again. */
  readonly refresh: () => void
}

export function createNameSystem({ options, facts, places, log, refresh }: NameSystemOptions): NameSystem {
  const own = ownAddresses()
  const reserved = reservedAddresses(options)
  const taken = (address: string): boolean => own.has(address) || reserved.has(address)
  const pool = syntheticPool({ v4: options.ip4Range, ...(options.ip6Range !== undefined && { v6: options.ip6Range }), taken, log })
  // Ourselves are never asked by ourselves.
  const before = upstreamUrls(upstreamsOf(facts, ownServers(places)))
  const upstreams = options.upstreams.length > 0 || !options.configureResolver ? options.upstreams : before
  const stub = stubOf(before.length > 0 ? before : options.upstreams, options)
  const lookup = createHostLookup({ ...(stub && { stub }), isSynthetic: (address) => pool.contains(address) })
  if (options.assignment === 'synthetic') return { book: createSyntheticNames(pool, log), ranges: pool.ranges, lookup, upstreams }
  const book = createOriginalNames({ lookup: originalLookup(options, stub, lookup), taken, refresh, ipv6: options.ip6Range !== undefined, log })
  return { book, ranges: [], lookup, upstreams }
}

const ownServers = ({ listen, inside, wanted }: DnsPlaces): string[] => [...listen, inside, ...wanted.servers].map(({ address }) => address)

type StubLookup = (hostname: string) => Promise<readonly string[]>

/** Where no DNS server of ours is asked by this host, its own means are good enough. */
function stubOf(servers: readonly string[], { resolver }: InterceptOptions): StubLookup | undefined {
  if (resolver.kind !== 'server' || servers.length === 0) return undefined
  return createStubLookup(servers, markedQuestions)
}

/** What a name is without us. The system's resolver may ask ourselves, which would wait for this very answer. */
function originalLookup({ resolver }: InterceptOptions, stub: StubLookup | undefined, lookup: HostLookup): StubLookup {
  if (resolver.kind !== 'server') return lookup
  return stub ?? (async () => [])
}

function ownAddresses(): ReadonlySet<string> {
  const control = openRouteControl()
  try {
    return new Set(control.addresses().map(({ address }) => address))
  } finally {
    control.close()
  }
}

/** Addresses of our links, and of our DNS servers inside tunnels, are not given to names. */
function reservedAddresses(options: InterceptOptions): ReadonlySet<string> {
  const { v4, v6 } = tunAddressesOf(options)
  return new Set([v4, v6, ...Array.from({ length: 2 * slotCount }, (_, place) => linkAddress(options.ip4Range, place))])
}
