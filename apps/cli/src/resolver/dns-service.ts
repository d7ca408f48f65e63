import type { DatagramPort, DnsServer, Resolver } from '@tunnel/dns'
import { createDnsServer } from '@tunnel/dns'
import type { Endpoint, Log } from '@tunnel/flow'
import { CodedError, formatEndpoint, isCodedError } from '@tunnel/flow'
import { ownerOfPort } from '@tunnel/linux'
import type { Unanswerable } from '../options/resolver-choice.ts'

export interface DnsServiceOptions {
  readonly listen: readonly Endpoint[]
  /** Asked in this order. */
  readonly resolvers: readonly Resolver[]
  readonly unanswerable: Unanswerable
  readonly openUdp: (at: Endpoint) => DatagramPort | Promise<DatagramPort>
  readonly log: Log
}

const source = 'dns.NewDnsServer'

/** The DNS server of the tunneler, with the original's words. Rejects with one line that names who has the port. */
export async function openDnsService({ listen, resolvers, unanswerable, openUdp, log }: DnsServiceOptions): Promise<DnsServer> {
  const addresses = listen.map(formatEndpoint)
  const server = createDnsServer({
    listen: addresses.flatMap((address) => [`udp://${address}`, `tcp://${address}`]),
    resolvers,
    unanswerable,
    openUdp,
    // What it says about its listeners we say in the original's words.
    log: (level, from, ...rest) => log(level === 'info' && from === 'dns/server.start' ? 'debug' : level, from, ...rest),
  })
  log('info', source, 'starting dns server...')
  try {
    await server.start()
  } catch (error) {
    throw await withOwner(error, listen)
  }
  for (const address of addresses) log('info', source, `dns server running at ${address}`)
  return server
}

/** `EADDRINUSE` helps nobody: who has it, and what else there is. */
export async function withOwner(error: unknown, listen: readonly Endpoint[], find = ownerOfPort): Promise<unknown> {
  if (!isCodedError(error, 'dns.port-in-use')) return error
  for (const endpoint of listen) {
    const owner = (await find('udp', endpoint)) ?? (await find('tcp', endpoint))
    if (owner === undefined) continue
    const others = `--resolver udp://127.0.0.2:${endpoint.port}`
    const remedy = owner.startsWith('ziti-tunnel')
      ? `Give that one this identity too (-i, repeatable), or stop it; beside it, this one could be asked at another address only (${others})`
      : `Stop it, or give ours another address: ${others}`
    return new CodedError('dns.port-in-use', `the DNS server cannot listen on ${formatEndpoint(endpoint)}: ${owner} has that port. ${remedy}`, { cause: error })
  }
  return error
}
