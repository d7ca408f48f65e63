import type { Clock, Milliseconds } from '@tunnel/flow'
import type { CircuitEnd } from './circuit-end.ts'
import { CircuitWay } from './circuit-way.ts'

export interface CircuitOptions {
  readonly id: string
  readonly dialer: CircuitEnd
  readonly host: CircuitEnd
  readonly clock: Clock
  readonly windowBytes: number
  readonly delay: () => Milliseconds
  /** Called once, when an end closes or the circuit is cut. */
  readonly ended: () => void
}

/** A way through the network from a dialer to a host. FINs are only passed on: a real router never closes by itself. */
export class Circuit {
  readonly id: string
  readonly #options: CircuitOptions
  readonly #toHost: CircuitWay
  readonly #toDialer: CircuitWay
  #ended = false

  constructor(options: CircuitOptions) {
    const { dialer, host, clock, windowBytes, delay } = options
    this.id = options.id
    this.#options = options
    this.#toHost = new CircuitWay({ source: dialer, target: host, clock, windowBytes, delay })
    this.#toDialer = new CircuitWay({ source: host, target: dialer, clock, windowBytes, delay })
    dialer.join(this, this.#toHost)
    host.join(this, this.#toDialer)
  }

  /** The dialer has been told: data may flow. */
  start(): void {
    this.#toHost.start()
    this.#toDialer.start()
  }

  /** `end` closed or is gone. The other end gets its data, then the close. */
  closedBy(end: CircuitEnd): void {
    if (this.#ended) return
    this.#ended = true
    const [gone, left] = end === this.#options.dialer ? [this.#toDialer, this.#toHost] : [this.#toHost, this.#toDialer]
    gone.abandon()
    left.finish()
    this.#options.ended()
  }

  /** The network lost it: both ends get the close, and nothing of what was on its way. */
  cut(): void {
    if (this.#ended) return
    this.#ended = true
    this.#toHost.abandon()
    this.#toDialer.abandon()
    this.#options.dialer.close()
    this.#options.host.close()
    this.#options.ended()
  }
}
