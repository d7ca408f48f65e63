import type { Cancel } from '@tunnel/flow'
import type { ApiSession, RoutedService, Terminator, TerminatorStore } from './authority.ts'
import type { CircuitEnd } from './circuit-end.ts'

/** What a host learns of a dial. */
export interface DialRequest {
  readonly circuitId: string
  readonly service: RoutedService
  readonly dialer: ApiSession
  readonly publicKey?: Uint8Array
  readonly callerId?: Uint8Array
  readonly appData?: Uint8Array
  readonly marker?: Uint8Array
}

export interface HostAnswer {
  readonly opened: (end: CircuitEnd, publicKey?: Uint8Array) => void
  /** The host's own words. */
  readonly failed: (reason: string) => void
}

/** A router as the fabric sees it: where circuits can end. */
export interface FabricRouter {
  readonly id: string
  /** Answers once, unless it is cancelled before. The fabric keeps the time. */
  openTerminator(terminator: Terminator, request: DialRequest, answer: HostAnswer): Cancel
}

export interface CircuitRequest extends Omit<DialRequest, 'circuitId'> {
  readonly routerId: string
  readonly terminators: TerminatorStore
  /** Empty: only terminators without an instance name. */
  readonly instance: string
  readonly end: CircuitEnd
}

export interface CircuitAnswer {
  /** Say it to the dialer before returning: data follows. */
  readonly connected: (circuitId: string, publicKey: Uint8Array | undefined, attempt: number) => void
  readonly refused: (text: string, circuitId: string) => void
  /** Called once after `connected`. */
  readonly ended: () => void
}
