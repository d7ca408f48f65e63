import type { DatagramPort, DnsCounters, DnsServer, Resolver } from '@tunnel/dns'
import { createDnsServer } from '@tunnel/dns'
import type { Endpoint, Log } from '@tunnel/flow'
import { CodedError, formatEndpoint, isCodedError } from '@tunnel/flow'
import { toDuplex } from '@tunnel/flow/node'
import { ownerOfPort } from '@tunnel/linux'
import type { Unanswerable } from '../options/resolver-choice.ts'
import type { InsidePorts } from './inside-ports.ts'

export interface DnsServiceOptions {
  readonly listen: readonly Endpoint[]
  /** Where it is asked inside a tunnel as well. */
  readonly inside?: { readonly at: Endpoint; readonly ports: InsidePorts }
  /** Asked in this order. */
  readonly resolvers: readonly Resolver[]
  readonly unanswerable: Unanswerable
  readonly openUdp: (at: Endpoint) => DatagramPort | Promise<DatagramPort>
  readonly log: Log
}

export interface DnsService {
  /** `udp://127.0.0.1:53`. */
  readonly addresses: readonly string[]
  readonly counters: DnsCounters
  close(): Promise<void>
}

const source = 'dns.NewDnsServer'

/** The DNS server of the tunneler, with the original's words. Rejects with one line that names who has the port. */
export async function openDnsService({ listen, inside, resolvers, unanswerable, openUdp, log }: DnsServiceOptions): Promise<DnsService> {
  const addresses = listen.map(formatEndpoint)
  const insideAddress = inside && formatEndpoint(inside.at)
  const server = createDnsServer({
    listen: [...addresses.flatMap((address) => [`udp://${address}`, `tcp://${address}`]), ...(inside ? [`udp://${insideAddress}`] : [])],
    resolvers,
    unanswerable,
    openUdp: (at) => (inside && formatEndpoint(at) === insideAddress ? inside.ports.openUdp(at) : openUdp(at)),
    // What it says about its listeners we say in the original's words.
    log: (level, from, ...rest) => log(level === 'info' && from === 'dns/server.start' ? 'debug' : level, from, ...rest),
  })
  log('info', source, 'starting dns server...')
  try {
    await server.start()
  } catch (error) {
    throw await explained(error, listen, inside !== undefined)
  }
  const listener = await openInsideTcp(server, inside)
  for (const address of [...addresses, ...(insideAddress === undefined ? [] : [insideAddress])]) log('info', source, `dns server running at ${address}`)
  return {
    get addresses() {
      return [...server.addresses, ...(listener ? [`tcp://${insideAddress}`] : [])]
    },
    counters: server.counters,
    async close() {
      listener?.close()
      await server.close()
    },
  }
}

async function openInsideTcp(server: DnsServer, inside: DnsServiceOptions['inside']): Promise<{ close(): void } | undefined> {
  try {
    return await inside?.ports.listen(inside.at, (flow) => server.serve(toDuplex(flow), flow.info.remote ?? { address: '', port: 0 }))
  } catch (error) {
    await server.close()
    throw error
  }
}

/** `EADDRINUSE` and `EACCES` help nobody: who has it, or what is missing, and what else there is. */
export async function explained(error: unknown, listen: readonly Endpoint[], hasInside: boolean, find = ownerOfPort): Promise<unknown> {
  if (isCodedError(error, 'dns.port-forbidden')) return withMissing(error, hasInside)
  if (!isCodedError(error, 'dns.port-in-use')) return error
  for (const endpoint of listen) {
    const owner = (await find('udp', endpoint)) ?? (await find('tcp', endpoint))
    if (owner === undefined) continue
    const remedy = remedyFor(owner, `--resolver udp://127.0.0.2:${endpoint.port}`, hasInside)
    return new CodedError('dns.port-in-use', `the DNS server cannot listen on ${formatEndpoint(endpoint)}: ${owner} has that port. ${remedy}`, { cause: error })
  }
  return error
}

function withMissing(error: CodedError, hasInside: boolean): CodedError {
  const message = `${error.message}; ${hasInside ? insideInstead : tunInstead}`
  return new CodedError('dns.port-forbidden', message, { cause: error })
}

const insideInstead = 'or leave out --resolver: ours is asked inside the tunnel then'
const tunInstead = "or intercept with 'ziti-tunnel tun', whose DNS server needs no port of this host"

function remedyFor(owner: string, elsewhere: string, hasInside: boolean): string {
  if (owner.startsWith('ziti-tunnel')) return `Give that one this identity too (-i, repeatable), or stop it; beside it, this one could be asked at another address only (${elsewhere})`
  if (hasInside) return `Stop it, give ours another address (${elsewhere}), ${insideInstead}`
  return `Stop it, give ours another address (${elsewhere}); ${tunInstead}`
}
