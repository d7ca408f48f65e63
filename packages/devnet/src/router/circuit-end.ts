import type { Circuit } from './circuit.ts'
import type { CircuitWay } from './circuit-way.ts'

/** One of the two ends of a circuit: a connection on an SDK's channel, or a target that the router itself connects to. */
export interface CircuitEnd {
  /** Called once, before anything else: `out` takes what this end sends. */
  join(circuit: Circuit, out: CircuitWay): void
  readonly closed: boolean
  /** Whether `deliver` may be called now. */
  readonly writable: boolean
  /** One message. `body` and `uuid` are borrowed until the call returns, unless they are `owned`: then they are this end's. */
  deliver(body: Uint8Array, flags: number, uuid: Uint8Array | undefined, owned: boolean): void
  /** Not writable now: asks for `drainWays` with this way when it is again. */
  waitForRoom(way: CircuitWay): void
  /** The circuit is over and all data was delivered. Called at most once, never after this end closed the circuit itself. */
  close(): void
  /** The receiver of this end's data is full: read no more from whatever feeds it. `unblock` follows once. */
  block(): void
  unblock(): void
  /** Bytes of this end that wait on their way: more (positive) or fewer. */
  buffered(bytes: number): void
}
