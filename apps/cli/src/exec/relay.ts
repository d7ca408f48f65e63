import { BlockList } from 'node:net'
import type { Endpoint, Flow, RefuseReason, TcpRequest, UdpRequest } from '@tunnel/flow'
import { createAbortedError, isCodedError, pump, pumpDatagrams, unmapAddress } from '@tunnel/flow'
import { connectDatagramFlow, connectFlow } from '@tunnel/flow/node'

/** Passes connections on by ordinary sockets of this process. */
export interface Relay {
  /** `to` is where the request really goes; by default where it says. */
  take(request: TcpRequest | UdpRequest, to?: Endpoint): void
  /** Who asks has ended: what is not connected yet is given up. Resolves when no TCP connection is open. */
  stop(): Promise<void>
}

/** Nobody is there, or more than one. What comes here for them is a mistake, or an attempt to reach the host's own. */
const nowhere = new BlockList()
for (const [network, length] of [['0.0.0.0', 8], ['127.0.0.0', 8], ['224.0.0.0', 3]] as const) nowhere.addSubnet(network, length, 'ipv4')
for (const [network, length] of [['::', 127], ['fe80::', 10], ['ff00::', 8]] as const) nowhere.addSubnet(network, length, 'ipv6')

export function leadsNowhere(address: string): boolean {
  const plain = unmapAddress(address)
  return nowhere.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4')
}

export function createRelay(connect: typeof connectFlow = connectFlow): Relay {
  const waiting = new Set<() => void>()
  const dials = new Set<AbortController>()
  let open = 0
  const ended = (): void => {
    open -= 1
    if (open > 0) return
    for (const tell of waiting) tell()
    waiting.clear()
  }
  const connectTo = ({ address, port }: Endpoint) => (dial: AbortController): Promise<Flow> => {
    dials.add(dial)
    return connect({ host: address, port, signal: dial.signal }).finally(() => dials.delete(dial))
  }
  return {
    take(request, to) {
      if (to === undefined && leadsNowhere(request.to.address)) return request.refuse('host-unreachable')
      if (request.protocol === 'udp') return void takeDatagrams(request, to ?? request.to)
      open += 1
      void takeStream(request, connectTo(to ?? request.to), ended)
    },
    stop() {
      for (const dial of dials) dial.abort()
      return open === 0 ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve))
    },
  }
}

/** The program hears what we hear: its connection is accepted when ours is, and refused as ours is. */
async function takeStream(request: TcpRequest, connect: (dial: AbortController) => Promise<Flow>, ended: () => void): Promise<void> {
  const dial = new AbortController()
  let abandoned = false
  request.onAbandon(() => {
    abandoned = true
    dial.abort()
  })
  try {
    const server = await connect(dial)
    if (!dial.signal.aborted) return void pump(request.accept(), server, ended)
    server.reset(createAbortedError())
    if (!abandoned) request.refuse('reset')
  } catch (error) {
    if (!abandoned) request.refuse(reasonOf(error))
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
