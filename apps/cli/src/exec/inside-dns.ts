import type { DatagramPort, DnsServer, Resolver } from '@tunnel/dns'
import { createDnsServer } from '@tunnel/dns'
import type { Endpoint } from '@tunnel/flow'
import { formatEndpoint } from '@tunnel/flow'
import { toDuplex } from '@tunnel/flow/node'
import type { Netstack } from '@tunnel/netstack'
import type { ProgramLog } from '../log/create-log.ts'
import type { Unanswerable } from '../options/resolver-choice.ts'

const dnsPort = 53

export interface InsideDnsOptions {
  readonly stack: Netstack
  readonly address: string
  /** Asked in this order. */
  readonly resolvers: readonly Resolver[]
  readonly unanswerable: Unanswerable
  readonly log: ProgramLog
}

/** A DNS server at an address of the tunnel, over UDP and TCP: it takes no port of this host. */
export async function openInsideDns({ stack, address, resolvers, unanswerable, log }: InsideDnsOptions): Promise<DnsServer> {
  const listen = [`udp://${formatEndpoint({ address, port: dnsPort })}`]
  const server = createDnsServer({ listen, resolvers, unanswerable, openUdp: (at) => portOf(stack, at), log })
  await server.start()
  stack.listen({ port: dnsPort, address }, (flow) => server.serve(toDuplex(flow), flow.info.remote ?? { address: '', port: 0 }))
  return server
}

function portOf(stack: Netstack, { address, port }: Endpoint): DatagramPort {
  let receive: Parameters<DatagramPort['start']>[0] = () => {}
  const socket = stack.bind({ address, port, onMessage: (data, from) => receive([{ data, from }]) })
  return {
    local: { address, port },
    start: (handler) => void (receive = handler),
    send: (data, to) => socket.send(data, to),
    close: () => socket.close(),
  }
}
