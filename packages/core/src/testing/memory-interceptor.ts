import { CodedError } from '@tunnel/flow'
import type { DatagramFlow, Endpoint, Flow, HostChange, Protocol, RefuseReason, TcpRequest, UdpRequest } from '@tunnel/flow'
import { createDatagramFlowPair, createFlowPair } from '@tunnel/flow/testing'
import type { ApplyReport, InterceptTable, Interceptor, WantedListener } from '../contracts/interceptor.ts'

/** An interceptor of kind `proxy` whose ports exist in memory only, with the client's side in hand. */
export interface MemoryInterceptor extends Interceptor {
  /** Ports that are open now, as `8080/tcp`. */
  readonly open: readonly string[]
  /**
   * Connects as a program would. Rejects with `memory.closed` where nothing listens, `memory.refused` with
   * `detail.reason`, and `memory.abandoned` when `signal` aborts before the answer.
   */
  connect(port: number, signal?: AbortSignal): Promise<Flow>
  /** The flow of a udp client: it exists from the first datagram on. */
  exchange(port: number): Promise<DatagramFlow>
  /** From now on this port cannot be opened; with `false` it can again. */
  breakPort(port: number, broken: boolean): void
}

export function createMemoryInterceptor(): MemoryInterceptor {
  const listeners = new Map<string, WantedListener>()
  const broken = new Set<number>()
  let handler: ((request: TcpRequest | UdpRequest) => void) | undefined
  let clientPort = 50_000
  let closed = false
  let applying: Promise<unknown> = Promise.resolve()

  const raise = <F>(protocol: Protocol, port: number, begin: (ends: RequestEnds<F>) => TcpRequest | UdpRequest): Promise<F> =>
    new Promise((resolve, reject) => {
      const listener = listeners.get(keyOf({ port, protocol }))
      if (!listener || !handler) return reject(new CodedError('memory.closed', `nothing listens on ${port}/${protocol}`))
      const from = { address: '127.0.0.1', port: clientPort++ }
      const to = { address: listener.address ?? '127.0.0.1', port }
      handler(begin({ from, to, service: listener.service, resolve, reject }))
    })

  const applyNow = (wanted: InterceptTable): ApplyReport => {
    const changes = differences(listeners, wanted)
    const failed: { service: string; error: CodedError }[] = []
    for (const { key } of changes.removed) listeners.delete(key)
    const applied = changes.added.filter(({ key, listener }) => {
      if (closed || broken.has(listener.port)) {
        failed.push({ service: listener.service, error: new CodedError('proxy.listen-failed', `cannot open ${key}`) })
        return false
      }
      listeners.set(key, listener)
      return true
    })
    return { applied: applied.map(({ key }) => `opened ${key}`), removed: changes.removed.map(({ key }) => `closed ${key}`), failed }
  }

  return {
    kind: 'proxy',
    get open() {
      return [...listeners.keys()]
    },
    plan: (wanted) => planOf(differences(listeners, wanted)),
    apply(wanted) {
      const report = applying.then(() => applyNow(wanted))
      applying = report
      return report
    },
    onRequest: (next) => void (handler = next),
    connect: (port, signal) => raise<Flow>('tcp', port, (ends) => tcpRequest(ends, signal)),
    exchange: (port) => raise<DatagramFlow>('udp', port, udpRequest),
    breakPort: (port, isBroken) => void (isBroken ? broken.add(port) : broken.delete(port)),
    async close() {
      closed = true
      await applying
      listeners.clear()
    },
  }
}

interface RequestEnds<F> {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly service: string
  resolve(flow: F): void
  reject(error: CodedError): void
}

function tcpRequest({ from, to, service, resolve, reject }: RequestEnds<Flow>, signal: AbortSignal | undefined): TcpRequest {
  return {
    protocol: 'tcp',
    from,
    to,
    service,
    accept() {
      const [ours, theirs] = createFlowPair({ left: { protocol: 'tcp', local: from, remote: to }, right: { protocol: 'tcp', local: to, remote: from } })
      resolve(ours)
      return theirs
    },
    refuse: (reason) => reject(refused(reason)),
    onAbandon(abandoned) {
      const abandon = (): void => {
        reject(new CodedError('memory.abandoned', 'the client went away'))
        abandoned()
      }
      if (signal?.aborted) abandon()
      else signal?.addEventListener('abort', abandon, { once: true })
    },
  }
}

function udpRequest({ from, to, service, resolve, reject }: RequestEnds<DatagramFlow>): UdpRequest {
  const [ours, theirs] = createDatagramFlowPair()
  // A client never waits: its first datagrams are on their way before anybody answers.
  resolve(ours)
  return {
    protocol: 'udp',
    from,
    to,
    service,
    accept: () => theirs,
    refuse(reason) {
      theirs.close(refused(reason))
      reject(refused(reason))
    },
  }
}

function refused(reason: RefuseReason): CodedError {
  return new CodedError('memory.refused', `refused: ${reason}`, { detail: { reason } })
}

interface Difference {
  readonly key: string
  readonly listener: WantedListener
}

function differences(current: ReadonlyMap<string, WantedListener>, wanted: InterceptTable): { added: Difference[]; removed: Difference[] } {
  const target = new Map(wanted.listeners.map((listener) => [keyOf(listener), listener] as const))
  const missing = (from: ReadonlyMap<string, WantedListener>, other: ReadonlyMap<string, WantedListener>): Difference[] =>
    [...from].filter(([key, { service }]) => other.get(key)?.service !== service).map(([key, listener]) => ({ key, listener }))
  return { added: missing(target, current), removed: missing(current, target) }
}

function planOf({ added, removed }: { added: Difference[]; removed: Difference[] }): HostChange[] {
  const change = (kind: string) => ({ key, listener }: Difference): HostChange => ({
    kind,
    summary: `${kind} ${key} for ${listener.service}`,
    parameters: { service: listener.service, port: listener.port, protocol: listener.protocol },
  })
  return [...removed.map(change('listener.close')), ...added.map(change('listener.open'))]
}

function keyOf({ port, protocol }: { port: number; protocol: Protocol }): string {
  return `${port}/${protocol}`
}
