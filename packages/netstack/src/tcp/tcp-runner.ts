import type { Milliseconds } from '@tunnel/flow'
import type { IpOutput } from '../ip/ip-output.ts'
import { encodeSegmentHeader } from '../wire/tcp-segment.ts'
import type { EmitSegment } from './tcp-connection-options.ts'
import type { TcpFlow, TcpFlowOwner } from './tcp-flow.ts'
import { WakeQueue } from './wake-queue.ts'

/** Rounds of one `flush`: callbacks that make work for each other without end are to let others have a turn. */
const roundLimit = 4

export interface TcpRunnerOptions {
  readonly output: IpOutput
  readonly maxHalfOpen: number
  readonly maxTimeWait: number
  /** Asks that `flush` be called soon, outside of the caller's own call. */
  readonly wake: () => void
  readonly handlerFailed: (error: unknown) => void
  /** The connection of `flow` is over and has nothing more to send. */
  readonly onOver: (flow: TcpFlow) => void
}

/** Gives each flow that has something to do its turn: callbacks, then segments, then the time when it is to wake up. */
export class TcpRunner implements TcpFlowOwner {
  readonly #options: TcpRunnerOptions
  readonly #wakes = new WakeQueue<TcpFlow>()
  /** Both in the order of their beginning. */
  readonly #halfOpen = new Set<TcpFlow>()
  readonly #timeWait = new Set<TcpFlow>()
  #ready: TcpFlow[] = []
  #flushing = false
  #transmitting: TcpFlow | undefined
  /** Of connections that are over. */
  retransmissions = 0

  constructor(options: TcpRunnerOptions) {
    this.#options = options
  }

  get halfOpen(): number {
    return this.#halfOpen.size
  }

  get timeWait(): number {
    return this.#timeWait.size
  }

  get nextWake(): Milliseconds {
    return this.#wakes.nextAt
  }

  schedule(flow: TcpFlow): void {
    if (flow.scheduled) return
    flow.scheduled = true
    this.#ready.push(flow)
    if (this.#ready.length === 1 && !this.#flushing) this.#options.wake()
  }

  handlerFailed(error: unknown): void {
    this.#options.handlerFailed(error)
  }

  /** `flow` has answered a SYN. Of too many that wait for the next segment the oldest goes: a flood's never come (RFC 4987 3.3). */
  addHalfOpen(flow: TcpFlow): void {
    this.#halfOpen.add(flow)
    if (this.#halfOpen.size <= this.#options.maxHalfOpen) return
    const [oldest] = this.#halfOpen
    if (!oldest) return
    this.#halfOpen.delete(oldest)
    oldest.connection.drop()
    this.schedule(oldest)
  }

  /** Runs all that are ready or due. */
  flush(now: Milliseconds): void {
    if (this.#flushing) return
    this.#flushing = true
    for (let flow = this.#wakes.pop(now); flow; flow = this.#wakes.pop(now)) this.schedule(flow)
    for (let round = 0; this.#ready.length > 0 && round < roundLimit; round += 1) {
      const ready = this.#ready
      this.#ready = []
      for (const flow of ready) {
        flow.scheduled = false
        this.#run(flow, now)
      }
    }
    this.#flushing = false
    if (this.#ready.length > 0) this.#options.wake()
  }

  /** Nothing is left of `flow` here. */
  remove(flow: TcpFlow): void {
    this.#wakes.remove(flow)
    this.#halfOpen.delete(flow)
    this.#timeWait.delete(flow)
  }

  #run(flow: TcpFlow, now: Milliseconds): void {
    const { connection } = flow
    flow.deliver(now)
    this.#transmitting = flow
    connection.transmit(now, this.#emit)
    flow.transmitted()
    if (connection.established) this.#halfOpen.delete(flow)
    const wake = connection.nextWake()
    if (connection.state === 'CLOSED') {
      // It may have given up just now.
      flow.deliver(now)
      if (wake === Number.POSITIVE_INFINITY) return this.#over(flow)
    }
    if (connection.state === 'TIME-WAIT') this.#addTimeWait(flow)
    this.#wakes.schedule(flow, wake)
  }

  #addTimeWait(flow: TcpFlow): void {
    this.#timeWait.add(flow)
    if (this.#timeWait.size <= this.#options.maxTimeWait) return
    const [oldest] = this.#timeWait
    if (oldest) this.#over(oldest)
  }

  #over(flow: TcpFlow): void {
    this.remove(flow)
    this.#options.onOver(flow)
  }

  readonly #emit: EmitSegment = (header, parts, payloadBytes, capable) => {
    const { output } = this.#options
    const flow = this.#transmitting
    if (!flow) return false
    const headerBytes = encodeSegmentHeader(header, output.scratch, output.transportAt)
    return output.send(capable ? flow.capableRoute : flow.route, headerBytes, parts, payloadBytes, flow.connection.mss)
  }
}
