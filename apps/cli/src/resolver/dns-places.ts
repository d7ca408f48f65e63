import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Endpoint } from '@tunnel/flow'
import { formatEndpoint } from '@tunnel/flow'
import type { ResolverFacts, ResolverWanted } from '@tunnel/linux'
import { ownerOfPort, slotCount } from '@tunnel/linux'
import type { InterceptOptions } from '../options/intercept-options.ts'
import { linkAddress, wantedResolver } from './wanted-resolver.ts'

/** Where our DNS server is asked. */
export interface DnsPlaces {
  /** Ports of this host. */
  readonly listen: readonly Endpoint[]
  /** Where a tunnel has it as well. */
  readonly inside: Endpoint
  /** Somebody else is where we would listen if nothing else was said: then a tunnel alone can have it, and `listen` is empty. */
  readonly taken: { readonly at: Endpoint; readonly owner: string } | undefined
  /** What this host's resolver is to know. */
  readonly wanted: ResolverWanted
}

type Options = Pick<InterceptOptions, 'resolver' | 'resolverNamed' | 'configureResolver' | 'ip4Range'>

/** The owner, where a place is taken. */
type FindOwner = (at: Endpoint) => Promise<string | undefined>

export async function findDnsPlaces(options: Options, facts: Pick<ResolverFacts, 'method'>, slot: number, find: FindOwner = ownerOfTaken): Promise<DnsPlaces> {
  const inside = insideDns(options, slot)
  const { resolver, resolverNamed } = options
  if (resolver.kind !== 'server') return { listen: [], inside, taken: undefined, wanted: wantedResolver(options, facts, slot) }
  const [at] = resolver.listen
  // Who names a place wants that one and no other.
  const owner = resolverNamed || !at ? undefined : await find(at)
  if (!at || owner === undefined) return { listen: resolver.listen, inside, taken: undefined, wanted: wantedResolver(options, facts, slot) }
  const wanted = wantedResolver({ ...options, resolver: { ...resolver, listen: [inside] } }, facts, slot)
  return { listen: [], inside, taken: { at, owner }, wanted }
}

/** Behind the addresses of our links, in the range that names have their addresses of. */
const insideDns = ({ ip4Range }: Pick<InterceptOptions, 'ip4Range'>, slot: number): Endpoint => ({ address: linkAddress(ip4Range, slotCount + slot), port: 53 })

export const tellTaken = ({ taken, inside }: DnsPlaces): string =>
  `${taken ? `${formatEndpoint(taken.at)} is taken by ${taken.owner}` : 'no port of this host'}: our DNS server is asked at ${formatEndpoint(inside)} instead, inside the tunnel`

async function ownerOfTaken(at: Endpoint): Promise<string | undefined> {
  if (!(await isTaken(at))) return undefined
  return (await ownerOfPort('udp', at)) ?? (await ownerOfPort('tcp', at)) ?? 'a program that cannot be seen from here'
}

/** By trying, over UDP and TCP. What else may be wrong shows when we open it in earnest. */
async function isTaken({ address, port }: Endpoint): Promise<boolean> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  const server = createServer()
  try {
    const bound = once(socket, 'listening')
    socket.bind({ address, port, exclusive: true })
    await bound
    server.listen({ host: address, port, exclusive: true })
    await once(server, 'listening')
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  } finally {
    socket.close()
    server.close()
  }
}
