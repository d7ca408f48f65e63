import { DataFlag } from '@tunnel/edge/wire'
import type { CircuitEnd } from './circuit-end.ts'
import { drainWays, type CircuitWay } from './circuit-way.ts'
import type { Circuit } from './circuit.ts'
import type { Counters } from './counters.ts'
import { routerHostedMessageBytes } from './router-timing.ts'
import type { TargetCipher } from './target-cipher.ts'

/** What the router itself is connected to: a TCP or a UDP socket. */
export interface TargetSocket {
  readonly writable: boolean
  /** `bytes` is the socket's from now on. */
  write(bytes: Uint8Array): void
  /** Our half is finished. */
  end(): void
  pause(): void
  resume(): void
  /** After what was written. */
  close(): void
  /** Once, when the circuit exists. */
  start(events: TargetEvents): void
}

export interface TargetEvents {
  readonly data: (bytes: Uint8Array) => void
  readonly ended: () => void
  readonly drained: () => void
  readonly failed: () => void
}

export interface RouterTargetOptions {
  readonly socket: TargetSocket
  readonly counters: Counters
  readonly cipher: TargetCipher | undefined
  /** A stream is cut into messages as the real router's reads do; a datagram stays one (protocol section 11.3). */
  readonly datagrams: boolean
}

const empty = new Uint8Array(0)

/** The end of a circuit that the router hosts by itself. */
export class RouterTarget implements CircuitEnd {
  readonly #options: RouterTargetOptions
  readonly #waiting = new Set<CircuitWay>()
  #circuit: Circuit | undefined
  #out: CircuitWay | undefined
  #over = false

  constructor(options: RouterTargetOptions) {
    this.#options = options
  }

  get closed(): boolean {
    return this.#over
  }

  get writable(): boolean {
    return this.#options.socket.writable
  }

  join(circuit: Circuit, out: CircuitWay): void {
    const { socket, cipher } = this.#options
    this.#circuit = circuit
    this.#out = out
    // Neither side waits for the header of the other (protocol section 4.6).
    if (cipher) out.send(cipher.header, 0, undefined)
    socket.start({
      data: (bytes) => this.#send(bytes),
      ended: () => out.send(empty, DataFlag.Fin, undefined),
      drained: () => drainWays(this.#waiting, () => this.writable),
      failed: () => this.#fail(),
    })
  }

  deliver(body: Uint8Array, flags: number, _uuid: Uint8Array | undefined, owned: boolean): void {
    if (this.#over) return
    const { socket, cipher, datagrams } = this.#options
    // An empty body, with FIN or without, is never encrypted.
    const plain = body.length === 0 ? empty : cipher ? cipher.decrypt(body) : owned ? body : body.slice()
    if (plain === undefined) return this.#fail()
    // An encrypted datagram may well be empty.
    if (plain !== 'header' && (plain.length > 0 || (datagrams && body.length > 0))) socket.write(plain)
    if ((flags & DataFlag.Fin) !== 0) socket.end()
  }

  waitForRoom(way: CircuitWay): void {
    this.#waiting.add(way)
    drainWays(this.#waiting, () => this.writable)
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    this.#waiting.clear()
    this.#options.socket.close()
    this.#options.cipher?.free()
  }

  block(): void {
    this.#options.socket.pause()
  }

  unblock(): void {
    this.#options.socket.resume()
  }

  buffered(bytes: number): void {
    this.#options.counters.buffered(bytes)
  }

  #send(bytes: Uint8Array): void {
    if (this.#over) return
    const { cipher, datagrams } = this.#options
    const step = datagrams ? bytes.length : routerHostedMessageBytes
    for (let at = 0; at < bytes.length; at += step) {
      const part = bytes.subarray(at, at + step)
      this.#out?.send(cipher ? cipher.encrypt(part) : part, 0, undefined)
    }
  }

  /** The target is gone, or the dialer sent what no dialer of ours encrypts. */
  #fail(): void {
    if (this.#over) return
    this.close()
    this.#circuit?.closedBy(this)
  }
}
