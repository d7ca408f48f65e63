import type { CodedError } from './coded-error.ts'
import type { Flow, FlowHandler, FlowInfo, Release } from './flow.ts'

/** Another flow, call by call: who wants to see something of it overrides what tells of that. */
export class PassingFlow implements Flow {
  readonly #flow: Flow

  constructor(flow: Flow) {
    this.#flow = flow
  }

  get info(): FlowInfo {
    return this.#flow.info
  }

  get queuedBytes(): number {
    return this.#flow.queuedBytes
  }

  get lateSends(): number {
    return this.#flow.lateSends
  }

  attach(handler: FlowHandler): void {
    this.#flow.attach(handler)
  }

  send(chunk: Uint8Array, release?: Release): boolean {
    return this.#flow.send(chunk, release)
  }

  end(): void {
    this.#flow.end()
  }

  reset(error: CodedError): void {
    this.#flow.reset(error)
  }

  pause(): void {
    this.#flow.pause()
  }

  resume(): void {
    this.#flow.resume()
  }
}
