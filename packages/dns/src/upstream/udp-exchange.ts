import { type Clock, CodedError, copyBytes, type Endpoint, formatEndpoint, formatIpAddress, type Milliseconds, parseIpAddress } from '@tunnel/flow'
import type { DatagramPort } from '../server/datagram-port.ts'
import { answersQuery, freshId, idOf, withId, type Exchange } from './exchange.ts'
import type { UpstreamTransports } from './transports.ts'
import { withoutZone } from './upstream-address.ts'

export interface UdpExchangeOptions {
  readonly to: Endpoint
  readonly openUdp: UpstreamTransports['openUdp']
  readonly clock: Clock
  /** The server must repeat the question in its upper and lower case. */
  readonly exactCase: boolean
  /** Called for a datagram that is no answer to anything asked: late, or forged. */
  readonly onStray?: () => void
}

/** One that is lost is sent again, so long after it was sent first. */
const resendAfter: readonly Milliseconds[] = [1000, 3000]
/** Sockets that take queries at the same time, and how long and for how many they do: a port that is in use for long can be found out. */
const mostLanes = 4
const laneQueries = 100
const laneLife: Milliseconds = 10_000

interface Waiting {
  readonly query: Uint8Array
  readonly resolve: (response: Uint8Array) => void
  readonly reject: (error: unknown) => void
  readonly release: () => void
}

/** A socket, and the queries that wait for an answer on it. */
interface Lane {
  readonly port: Promise<DatagramPort>
  readonly waiting: Map<number, Waiting>
  queries: number
  /** Takes no more queries; closes with the last answer. */
  retired: boolean
  readonly cancelLife: () => void
}

export function createUdpExchange(options: UdpExchangeOptions): Exchange {
  return new UdpExchange(options)
}

class UdpExchange implements Exchange {
  readonly #options: UdpExchangeOptions
  readonly #lanes: Lane[] = []
  /** Sockets that still wait for answers and take no more queries. */
  readonly #retired = new Set<Lane>()

  constructor(options: UdpExchangeOptions) {
    this.#options = options
  }

  async ask(query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted()
    const lane = this.#lane()
    const id = freshId(lane.waiting)
    if (id === undefined) throw unreachable(this.#options.to, 'too many queries wait for an answer')
    return new Promise((resolve, reject) => {
      const sent = withId(query, id)
      const onAbort = (): void => this.#settle(lane, id)?.reject(signal.reason)
      const cancels = [0, ...resendAfter].map((delay) => (delay === 0 ? () => {} : this.#options.clock.after(delay, () => void this.#send(lane, sent))))
      signal.addEventListener('abort', onAbort, { once: true })
      const release = (): void => {
        signal.removeEventListener('abort', onAbort)
        for (const cancel of cancels) cancel()
      }
      lane.waiting.set(id, { query: sent, resolve, reject, release })
      lane.queries += 1
      if (lane.queries >= laneQueries) this.#retire(lane)
      void this.#send(lane, sent)
    })
  }

  close(): void {
    for (const lane of [...this.#lanes, ...this.#retired]) this.#fail(lane, unreachable(this.#options.to, 'closed'))
  }

  /** One of those that take queries, at random; a new one as long as they are few. */
  #lane(): Lane {
    if (this.#lanes.length < mostLanes) this.#lanes.push(this.#openLane())
    const [random = 0] = globalThis.crypto.getRandomValues(new Uint8Array(1))
    return this.#lanes[random % this.#lanes.length] ?? this.#openLane()
  }

  #openLane(): Lane {
    const { to, openUdp, clock } = this.#options
    const at = { address: to.address.includes(':') ? '::' : '0.0.0.0', port: 0 }
    const failed = (error: Error): void => this.#fail(lane, unreachable(to, error.message, error))
    const port = (async () => openUdp(at, to, failed))()
    const lane: Lane = { port, waiting: new Map(), queries: 0, retired: false, cancelLife: clock.after(laneLife, () => this.#retire(lane)) }
    port.then((opened) => opened.start((batch) => {
      for (const { data, from } of batch) this.#received(lane, data, from)
    }), failed)
    return lane
  }

  async #send(lane: Lane, query: Uint8Array): Promise<void> {
    try {
      // No room counts as lost on the way.
      ;(await lane.port).send(query, this.#options.to)
    } catch {
      // The socket could not be opened: all who wait on it have been told.
    }
  }

  #received(lane: Lane, data: Uint8Array, from: Endpoint): void {
    const id = idOf(data)
    const waiting = lane.waiting.get(id)
    // RFC 5452 9.1. Whatever does not fit is passed over: the right answer may still come.
    if (!waiting || !isSameEndpoint(from, this.#options.to) || !answersQuery(waiting.query, data, this.#options.exactCase)) return this.#options.onStray?.()
    this.#settle(lane, id)?.resolve(copyBytes(data))
  }

  #settle(lane: Lane, id: number): Waiting | undefined {
    const waiting = lane.waiting.get(id)
    lane.waiting.delete(id)
    waiting?.release()
    if (lane.retired && lane.waiting.size === 0) this.#closeLane(lane)
    return waiting
  }

  #retire(lane: Lane): void {
    if (lane.retired) return
    lane.retired = true
    lane.cancelLife()
    const index = this.#lanes.indexOf(lane)
    if (index >= 0) this.#lanes.splice(index, 1)
    this.#retired.add(lane)
    if (lane.waiting.size === 0) this.#closeLane(lane)
  }

  #fail(lane: Lane, error: CodedError): void {
    this.#retire(lane)
    for (const id of [...lane.waiting.keys()]) this.#settle(lane, id)?.reject(error)
    this.#closeLane(lane)
  }

  #closeLane(lane: Lane): void {
    if (!this.#retired.delete(lane)) return
    lane.port.then((port) => port.close(), () => {})
  }
}

function isSameEndpoint(left: Endpoint, right: Endpoint): boolean {
  if (left.port !== right.port) return false
  if (left.address === right.address) return true
  // A zone has a name and a number; which of them a socket gives is its own affair.
  const parsed = parseIpAddress(withoutZone(left.address))
  return parsed !== undefined && formatIpAddress(parsed) === withoutZone(right.address)
}

export function unreachable(to: Endpoint, why: string, cause?: unknown): CodedError {
  return new CodedError('dns.upstream-unreachable', `The DNS server ${formatEndpoint(to)} cannot be asked: ${why}`, { cause, detail: { upstream: formatEndpoint(to) } })
}
