import type { CodedError } from '../coded-error.ts'
import type { Flow, Hold, Release } from '../flow.ts'
import { copyBytes } from '../hold.ts'

export interface Watching {
  /** Sees each chunk after it was checked and recorded. */
  readonly data?: (chunk: Uint8Array, hold: Hold) => void
  readonly end?: () => void
  readonly drain?: () => void
  /** Do not keep what is received: for much of it. */
  readonly discard?: boolean
}

/**
 * One end of a flow whose user watches every rule: what breaks one is written to `violations`. Chunks without `release`
 * are overwritten when `send` returns, those with it when they are released: a flow that keeps what it must not is
 * caught by the bytes that arrive.
 */
export class WatchedFlow {
  readonly flow: Flow
  readonly violations: string[] = []
  readonly closes: (CodedError | undefined)[] = []
  receivedBytes = 0
  ends = 0
  drains = 0
  sends = 0
  releases = 0
  /** The last `send` said false and no drain has come. */
  blocked = false
  readonly #kept: Uint8Array[] = []
  #inCall = false
  #inCallback = false
  #paused = false

  constructor(flow: Flow) {
    this.flow = flow
  }

  get received(): Uint8Array {
    return Buffer.concat(this.#kept)
  }

  get text(): string {
    return new TextDecoder().decode(this.received)
  }

  attach(watching: Watching = {}): this {
    this.#call(() =>
      this.flow.attach({
        data: (chunk, hold) => this.#callback('data', () => this.#data(chunk, hold, watching)),
        end: () =>
          this.#callback('end', () => {
            this.ends += 1
            if (this.ends > 1) this.violations.push('end was called twice')
            watching.end?.()
          }),
        drain: () =>
          this.#callback('drain', () => {
            if (!this.blocked) this.violations.push('drain was called though no send had returned false')
            this.blocked = false
            this.drains += 1
            watching.drain?.()
          }),
        close: (error) => this.#callback('close', () => this.closes.push(error)),
      }),
    )
    return this
  }

  send(chunk: Uint8Array | string, how: 'copied' | 'released' = 'copied'): boolean {
    // As `Buffer`, whose `slice` is a view: a flow that takes it for a copy is caught.
    const bytes = Buffer.from(chunk)
    let released = false
    const release: Release = () => {
      if (released) this.violations.push('release was called twice')
      released = true
      this.releases += 1
      bytes.fill(0xee)
    }
    this.sends += 1
    const open = this.#call(() => (how === 'released' ? this.flow.send(bytes, release) : this.flow.send(bytes)))
    if (how === 'copied') {
      this.releases += 1
      bytes.fill(0xee)
    }
    if (!open) this.blocked = true
    return open
  }

  end(): void {
    this.#call(() => this.flow.end())
  }

  reset(error: CodedError): void {
    this.#call(() => this.flow.reset(error))
  }

  pause(): void {
    this.#paused = true
    this.#call(() => this.flow.pause())
  }

  resume(): void {
    this.#paused = false
    this.#call(() => this.flow.resume())
  }

  #data(chunk: Uint8Array, hold: Hold, watching: Watching): void {
    if (chunk.length === 0) this.violations.push('an empty chunk was delivered')
    if (this.#paused) this.violations.push('data was called while paused')
    if (this.ends > 0) this.violations.push('data was called after end')
    this.receivedBytes += chunk.length
    if (!watching.discard) this.#kept.push(copyBytes(chunk))
    watching.data?.(chunk, hold)
  }

  #call<T>(call: () => T): T {
    const nested = this.#inCall
    this.#inCall = true
    try {
      return call()
    } finally {
      this.#inCall = nested
    }
  }

  /** A callback may call the flow, hence it is outside of a call while it runs. */
  #callback(name: string, call: () => void): void {
    if (this.#inCall) this.violations.push(`${name} was called inside a call of the user`)
    if (this.#inCallback) this.violations.push(`${name} was called inside another callback`)
    if (this.closes.length > 0) this.violations.push(`${name} was called after close`)
    this.#inCallback = true
    const nested = this.#inCall
    this.#inCall = false
    call()
    this.#inCall = nested
    this.#inCallback = false
  }
}
