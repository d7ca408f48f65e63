import { BlockList } from 'node:net'
import type { Endpoint, RefuseReason, TcpRequest, UdpRequest } from '@tunnel/flow'
import { createAbortedError, isCodedError, pump, pumpDatagrams, unmapAddress } from '@tunnel/flow'
import { connectDatagramFlow, connectFlow } from '@tunnel/flow/node'

/** Passes connections on by ordinary sockets of this process. */
export interface Relay {
  /** `to` is where the request really goes; by default where it says. */
  take(request: TcpRequest | UdpRequest, to?: Endpoint): void
  /** TCP connections that are open. */
  readonly open: number
  /** Resolves when none is open. */
  whenIdle(): Promise<void>
}

/** Nobody is there, or more than one. What comes here for them is a mistake, or an attempt to reach the host's own. */
const nowhere = new BlockList()
for (const [network, length] of [['0.0.0.0', 8], ['127.0.0.0', 8], ['224.0.0.0', 3]] as const) nowhere.addSubnet(network, length, 'ipv4')
for (const [network, length] of [['::', 127], ['fe80::', 10], ['ff00::', 8]] as const) nowhere.addSubnet(network, length, 'ipv6')

export function leadsNowhere(address: string): boolean {
  const plain = unmapAddress(address)
  return nowhere.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4')
}

export function createRelay(): Relay {
  const waiting = new Set<() => void>()
  let open = 0
  const ended = (): void => {
    open -= 1
    if (open > 0) return
    for (const tell of waiting) tell()
    waiting.clear()
  }
  return {
    take(request, to) {
      if (to === undefined && leadsNowhere(request.to.address)) return request.refuse('host-unreachable')
      if (request.protocol === 'udp') return void takeDatagrams(request, to ?? request.to)
      open += 1
      void takeStream(request, to ?? request.to, ended)
    },
    get open() {
      return open
    },
    whenIdle: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve))),
  }
}

/** The program hears what we hear: its connection is accepted when ours is, and refused as ours is. */
async function takeStream(request: TcpRequest, { address, port }: Endpoint, ended: () => void): Promise<void> {
  const abort = new AbortController()
  request.onAbandon(() => abort.abort())
  try {
    const server = await connectFlow({ host: address, port, signal: abort.signal })
    if (abort.signal.aborted) server.reset(createAbortedError())
    else return void pump(request.accept(), server, ended)
  } catch (error) {
    if (!abort.signal.aborted) request.refuse(reasonOf(error))
  }
  ended()
}

const reasonOf = (error: unknown): RefuseReason => (isCodedError(error, 'flow.connect-refused') ? 'reset' : 'host-unreachable')

async function takeDatagrams(request: UdpRequest, to: Endpoint): Promise<void> {
  try {
    const server = await connectDatagramFlow(to)
    pumpDatagrams(request.accept(), server)
  } catch {
    request.refuse('host-unreachable')
  }
}
