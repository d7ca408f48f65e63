import type { CodedError } from './coded-error.ts'
import type { Endpoint, Protocol } from './endpoint.ts'

/** What is known of a flow: shown in logs, metrics and status. Every member but `protocol` may be unknown. */
export interface FlowInfo {
  readonly protocol: Protocol
  readonly local?: Endpoint
  readonly remote?: Endpoint
  readonly service?: string
  /** Id given by the overlay to the way this flow takes. */
  readonly circuitId?: string
}

/** Gives borrowed bytes back. Call it once. */
export type Release = () => void

/**
 * Keeps the chunk of the present `data` call beyond its return. The bytes then stay untouched until the returned
 * `Release` is called. Call it at most once per chunk, inside `data` only.
 */
export type Hold = () => Release

/** The receiving side of a `Flow`. Calls never overlap; none is made after `close`. */
export interface FlowHandler {
  /** `chunk` is borrowed: it is valid until this call returns, or longer if `hold` is called. Never empty. */
  data(chunk: Uint8Array, hold: Hold): void
  /** Their half is finished (FIN): no more `data`. Ours stays open. */
  end(): void
  /** `send` returned false before and may be called again. */
  drain(): void
  /** Always the last call, always made. `error` is absent after an orderly end of both halves. */
  close(error?: CodedError): void
}

/**
 * A byte pipe between two ends, with exact half-close and explicit back-pressure. Synchronous: no promise per chunk.
 *
 * - Nothing is delivered before `attach`, and nothing is lost before it.
 * - No callback runs inside the caller's own `attach`, `send`, `end`, `reset`, `pause` or `resume`.
 * - After `send` returned false one more chunk is accepted; the next one, before `drain`, resets the flow with `flow.overrun`.
 * - `send` and `end` after `end`, `reset` or `close` are ignored. Such a send is counted (`lateSends`), releases its
 *   chunk at once and returns true: there is nothing to wait for.
 */
export interface Flow {
  readonly info: FlowInfo
  /** Bytes accepted by `send` and not yet handed to the transport: below the flow's limit plus two chunks; 0 after `close`. */
  readonly queuedBytes: number
  /** How often `send` was called after `end`, `reset` or `close`. */
  readonly lateSends: number
  /** Exactly once; a second call throws `flow.attached`. */
  attach(handler: FlowHandler): void
  /**
   * Sends `chunk`. Without `release` the flow copies, before it returns, what it has not consumed; with `release` it
   * may keep the bytes and calls `release` once when they are no longer needed (also when the flow dies, and possibly
   * before it returns). Returns false when the caller should wait for `drain`. An empty chunk sends nothing.
   */
  send(chunk: Uint8Array, release?: Release): boolean
  /** Our half is finished (FIN), after all that was sent. */
  end(): void
  /** Both halves, now (RST). Queued bytes are dropped. `close(error)` follows. */
  reset(error: CodedError): void
  /** Stops `data` and, in the end, closes the peer's window. At most what is already on its way is kept, bounded. */
  pause(): void
  resume(): void
}

export interface DatagramHandler {
  /** One datagram, borrowed until the call returns. May be empty. */
  message(datagram: Uint8Array): void
  /** Always the last call, always made. */
  close(error?: CodedError): void
}

/** A pipe for datagrams: one call, one datagram, none merged, none split, none waited for. */
export interface DatagramFlow {
  readonly info: FlowInfo
  /** Datagrams that `send` dropped. */
  readonly dropped: number
  attach(handler: DatagramHandler): void
  /** At most 65,507 bytes; copied before return if it must be kept. False: dropped, and counted. */
  send(datagram: Uint8Array): boolean
  close(error?: CodedError): void
}
