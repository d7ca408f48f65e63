import type { Flow, Milliseconds } from '@tunnel/flow'
import { ecnField } from './ecn.ts'
import { TcpFlow } from './tcp-flow.ts'
import type { TcpReport } from './tcp-report.ts'

/** What TCP has beyond a `Flow`. All of it may be changed at any time. */
export interface TcpControl {
  /** TTL or hop limit of packets. */
  hopLimit: number
  /** The byte of the IP header whose high six bits are the DSCP (RFC 2474); the low two are not taken: they are ECN's. */
  trafficClass: number
  /** Holds small segments back while others are in flight (RFC 9293 3.7.4). */
  nagle: boolean
  /** A peer that answers nothing for so long is given up; infinity for never (R2 of RFC 9293 3.8.3). */
  giveUpAfter: Milliseconds
  /** Data to be read until the last byte that the peer calls urgent. */
  readonly urgentBytes: number
  /** As `Flow.send`; the peer is told that this, and what was sent before, is urgent. New programs do without (RFC 6093). */
  sendUrgent(chunk: Uint8Array): boolean
  /** Is told what does not end the connection; undefined for nobody. */
  onReport(handler: ((report: TcpReport) => void) | undefined): void
}

/** The control of `flow`; undefined if it is no TCP flow of a stack. */
export function tcpControl(flow: Flow): TcpControl | undefined {
  return flow instanceof TcpFlow ? new FlowControl(flow) : undefined
}

class FlowControl implements TcpControl {
  readonly #flow: TcpFlow

  constructor(flow: TcpFlow) {
    this.#flow = flow
  }

  get hopLimit(): number {
    return this.#flow.route.hopLimit ?? 64
  }

  set hopLimit(hopLimit: number) {
    this.#flow.setRoute({ ...this.#flow.route, hopLimit })
  }

  get trafficClass(): number {
    return this.#flow.route.trafficClass ?? 0
  }

  set trafficClass(trafficClass: number) {
    this.#flow.setRoute({ ...this.#flow.route, trafficClass: trafficClass & 0xff & ~ecnField.mask })
  }

  get nagle(): boolean {
    return this.#flow.connection.tunables.nagle
  }

  set nagle(nagle: boolean) {
    this.#flow.connection.tunables.nagle = nagle
    this.#flow.wake()
  }

  get giveUpAfter(): Milliseconds {
    return this.#flow.connection.tunables.giveUpAfter
  }

  set giveUpAfter(span: Milliseconds) {
    this.#flow.connection.tunables.giveUpAfter = span
    this.#flow.wake()
  }

  get urgentBytes(): number {
    return this.#flow.connection.urgent.unreadBytes
  }

  sendUrgent(chunk: Uint8Array): boolean {
    this.#flow.connection.urgent.announce(chunk.length)
    return this.#flow.send(chunk)
  }

  onReport(handler: ((report: TcpReport) => void) | undefined): void {
    this.#flow.setReportHandler(handler)
  }
}
