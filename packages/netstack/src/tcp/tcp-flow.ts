import {
  answerUntaken,
  CodedError,
  createAttachedError,
  createResetError,
  SendWindow,
  type Flow,
  type FlowErrorCode,
  type FlowHandler,
  type FlowInfo,
  type Hold,
  type Milliseconds,
  type Release,
} from '@tunnel/flow'
import type { Route } from '../ip/ip-output.ts'
import { ecnField } from './ecn.ts'
import type { TcpConnection } from './tcp-connection.ts'
import { localEndpoint, remoteEndpoint, type Paired, type TcpPair } from './tcp-pair.ts'
import type { TcpReport } from './tcp-report.ts'
import type { TcpFailure } from './tcp-state.ts'
import type { Sleeper } from './wake-queue.ts'

/** Who runs flows: it calls `deliver` and lets the connection transmit, never inside a call of the user. */
export interface TcpFlowOwner {
  /** Something is to be done for `flow`: soon, but not now. */
  schedule(flow: TcpFlow): void
  /** An error that a handler threw. */
  handlerFailed(error: unknown): void
}

/** A connection as a `Flow`: credit, callbacks and the order of them. */
export class TcpFlow implements Flow, Paired<TcpFlow>, Sleeper {
  readonly pair: TcpPair
  readonly connection: TcpConnection
  lateSends = 0
  /** The owner's marks. */
  chained: TcpFlow | undefined = undefined
  wakeIndex = -1
  wakeAt: Milliseconds = 0
  scheduled = false
  /** Called once when the handshake is over, well or not. */
  onOpened: ((failure: TcpFailure | undefined) => void) | undefined = undefined
  readonly #owner: TcpFlowOwner
  readonly #window: SendWindow
  #route: Route
  /** The same for packets that may be marked instead of dropped (RFC 3168 5); made when it is needed. */
  #capableRoute: Route | undefined
  #onReport: ((report: TcpReport) => void) | undefined
  #handler: FlowHandler | undefined
  #paused = false
  #ended = false
  #endDelivered = false
  #closeDelivered = false
  #error: CodedError | undefined

  constructor(pair: TcpPair, route: Route, connection: TcpConnection, owner: TcpFlowOwner, limitBytes: number) {
    this.pair = pair
    this.#route = route
    this.connection = connection
    this.#owner = owner
    this.#window = new SendWindow(limitBytes)
  }

  get info(): FlowInfo {
    return { protocol: 'tcp', local: localEndpoint(this.pair), remote: remoteEndpoint(this.pair) }
  }

  get route(): Route {
    return this.#route
  }

  get capableRoute(): Route {
    return (this.#capableRoute ??= { ...this.#route, trafficClass: (this.#route.trafficClass ?? 0) | ecnField.capable })
  }

  setRoute(route: Route): void {
    this.#route = route
    this.#capableRoute = undefined
  }

  setReportHandler(handler: ((report: TcpReport) => void) | undefined): void {
    this.#onReport = handler
    this.connection.reports.wanted = handler !== undefined
  }

  /** Something was set that may let segments go. */
  wake(): void {
    this.#owner.schedule(this)
  }

  get queuedBytes(): number {
    return this.#over ? 0 : this.connection.unsentBytes
  }

  attach(handler: FlowHandler): void {
    if (this.#handler) throw createAttachedError()
    this.#handler = handler
    this.#owner.schedule(this)
  }

  send(chunk: Uint8Array, release?: Release): boolean {
    const answer = answerUntaken(this, this.#window, chunk, release, this.#ended || this.#over)
    if (answer !== undefined) return answer
    this.connection.write(chunk, release)
    this.#owner.schedule(this)
    return this.#window.filled(this.connection.unsentBytes)
  }

  end(): void {
    if (this.#ended || this.#over) return
    this.#ended = true
    this.connection.finish()
    this.#owner.schedule(this)
  }

  reset(error: CodedError): void {
    if (this.#over) return
    this.#error = error
    this.connection.abort()
    this.#owner.schedule(this)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#owner.schedule(this)
  }

  /** Makes the callbacks that are due. The owner's. */
  deliver(now: Milliseconds): void {
    const { connection } = this
    if (this.onOpened && (connection.established || connection.state === 'CLOSED')) this.#opened(connection.failure)
    if (connection.reports.waiting) this.#deliverReports()
    const handler = this.#handler
    if (!handler || this.#closeDelivered) return
    if (connection.failure === undefined && !this.#paused && connection.readableBytes > 0) connection.read(this.#deliverChunk, now)
    if (connection.failure === undefined && !this.#endDelivered && connection.peerFinished && connection.readableBytes === 0) {
      this.#endDelivered = true
      this.#call(() => handler.end())
    }
    // A failure is told at once, whatever else there was to tell; an orderly end when all is told.
    if (connection.failure === undefined && !(this.#endDelivered && connection.finished)) return
    this.#closeDelivered = true
    const error = connection.failure === undefined ? undefined : (this.#error ?? flowError(connection.failure))
    this.#call(() => handler.close(error))
  }

  /** Segments have gone out: perhaps there is room again. The owner's. */
  transmitted(): void {
    if (this.connection.reports.waiting) this.#deliverReports()
    if (!this.#window.full || this.#over || this.#ended || !this.#handler) return
    const handler = this.#handler
    if (this.#window.emptied(this.connection.unsentBytes)) this.#call(() => handler.drain())
  }

  get #over(): boolean {
    return this.#closeDelivered || this.connection.failure !== undefined
  }

  readonly #deliverChunk = (chunk: Uint8Array, hold: Hold): boolean => {
    this.#call(() => this.#handler?.data(chunk, hold))
    return !this.#paused && this.connection.failure === undefined
  }

  #deliverReports(): void {
    for (const report of this.connection.reports.take()) this.#call(() => this.#onReport?.(report))
  }

  #opened(failure: TcpFailure | undefined): void {
    const opened = this.onOpened
    this.onOpened = undefined
    this.#call(() => opened?.(failure))
  }

  #call(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#owner.handlerFailed(error)
    }
  }
}

const codes: Readonly<Record<TcpFailure, FlowErrorCode>> = {
  reset: 'flow.reset',
  refused: 'flow.connect-refused',
  timeout: 'flow.transport',
  unreachable: 'flow.connect-unreachable',
  aborted: 'flow.aborted',
}

function flowError(failure: TcpFailure): CodedError {
  if (failure === 'reset') return createResetError()
  if (failure === 'timeout') return new CodedError(codes.timeout, 'The other end answers nothing any more', { detail: { errno: 'ETIMEDOUT' } })
  return new CodedError(codes[failure], `The connection is over: ${failure}`)
}
