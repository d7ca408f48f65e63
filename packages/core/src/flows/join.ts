import { CodedError, pump, pumpDatagrams } from '@tunnel/flow'
import type { DatagramFlow, Flow, Log, PumpResult } from '@tunnel/flow'
import type { FlowEntry } from './flow-registry.ts'

/** Two ends of the same kind that are to be one connection: the side of the client, and of the server. */
export type FlowPair =
  | { readonly protocol: 'tcp'; readonly client: Flow; readonly server: Flow }
  | { readonly protocol: 'udp'; readonly client: DatagramFlow; readonly server: DatagramFlow }

/** Pumps a pair until both sides are closed, and keeps the books: registry, counters, one log line at the end. */
export function join(pair: FlowPair, entry: FlowEntry, options: { service: string; source: string; log: Log }): void {
  const { service, source, log } = options
  const circuitId = pair.server.info.circuitId ?? pair.client.info.circuitId
  const done = (result: PumpResult): void => {
    entry.ended(result)
    const { leftToRight, rightToLeft, error } = result
    const unit = pair.protocol === 'tcp' ? 'bytes' : 'datagrams'
    const message = `tunnel closed: ${leftToRight} ${unit} sent; ${rightToLeft} ${unit} received`
    log('debug', source, message, { flow: entry.id, service, circuitId, error: error?.message })
  }
  const progress =
    pair.protocol === 'tcp' ? pump(pair.client, pair.server, done) : pumpDatagrams(pair.client, pair.server, done)
  entry.opened(progress, (error) => cut(pair, error), circuitId)
}

/** Ends both sides at once; `close` of each follows, and with it the end of the pump. */
function cut(pair: FlowPair, error: CodedError): void {
  if (pair.protocol === 'tcp') {
    pair.client.reset(error)
    pair.server.reset(error)
  } else {
    pair.client.close(error)
    pair.server.close(error)
  }
}

/** Ends a flow that nobody will be joined to. */
export function discard(flow: Flow | DatagramFlow, error: CodedError): void {
  flow.attach({ data: () => {}, message: () => {}, end: () => {}, drain: () => {}, close: () => {} })
  if ('reset' in flow) flow.reset(error)
  else flow.close(error)
}
