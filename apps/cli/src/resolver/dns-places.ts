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
  /** We cannot listen where we would if nothing else was said, and `why`: then a tunnel alone can have it, and `listen` is empty. */
  readonly taken: { readonly at: Endpoint; readonly why: string } | undefined
  /** What this host's resolver is to know. */
  readonly wanted: ResolverWanted
}

type Options = Pick<InterceptOptions, 'resolver' | 'resolverNamed' | 'configureResolver' | 'ip4Range'>

/** Why a place cannot be had: `is taken by dnsmasq (pid 812)`. */
type FindObstacle = (at: Endpoint) => Promise<string | undefined>

export async function findDnsPlaces(options: Options, facts: Pick<ResolverFacts, 'method'>, slot: number, find: FindObstacle = obstacleAt): Promise<DnsPlaces> {
  const inside = insideDns(options, slot)
  const { resolver, resolverNamed } = options
  if (resolver.kind !== 'server') return { listen: [], inside, taken: undefined, wanted: wantedResolver(options, facts, slot) }
  const [at] = resolver.listen
  // Who names a place wants that one and no other.
  const why = resolverNamed || !at ? undefined : await find(at)
  if (!at || why === undefined) return { listen: resolver.listen, inside, taken: undefined, wanted: wantedResolver(options, facts, slot) }
  const wanted = wantedResolver({ ...options, resolver: { ...resolver, listen: [inside] } }, facts, slot)
  return { listen: [], inside, taken: { at, why }, wanted }
}

/** Behind the addresses of our links, in the range that names have their addresses of. */
const insideDns = ({ ip4Range }: Pick<InterceptOptions, 'ip4Range'>, slot: number): Endpoint => ({ address: linkAddress(ip4Range, slotCount + slot), port: 53 })

export const tellTaken = ({ taken, inside }: DnsPlaces): string =>
  `${taken ? `${formatEndpoint(taken.at)} ${taken.why}` : 'no port of this host'}: our DNS server is asked at ${formatEndpoint(inside)} instead, inside the tunnel`

async function obstacleAt(at: Endpoint): Promise<string | undefined> {
  const errno = await tryPorts(at)
  // As in a container that drops all capabilities but CAP_NET_ADMIN.
  if (errno === 'EACCES') return 'is not for this process, which lacks CAP_NET_BIND_SERVICE'
  if (errno !== 'EADDRINUSE') return undefined
  return `is taken by ${(await ownerOfPort('udp', at)) ?? (await ownerOfPort('tcp', at)) ?? 'a program that cannot be seen from here'}`
}

/** The error of UDP or TCP. What else may be wrong shows when we open it in earnest. */
async function tryPorts({ address, port }: Endpoint): Promise<string | undefined> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  const server = createServer()
  try {
    const bound = once(socket, 'listening')
    socket.bind({ address, port, exclusive: true })
    await bound
    server.listen({ host: address, port, exclusive: true })
    await once(server, 'listening')
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : undefined
  } finally {
    socket.close()
    server.close()
  }
}
