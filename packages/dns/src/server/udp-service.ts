import { CodedError, type Endpoint } from '@tunnel/flow'
import type { Query } from '../message/query-reader.ts'
import type { Answerer, Caller } from './answerer.ts'
import type { Counts } from './counters.ts'
import type { Datagram, DatagramPort } from './datagram-port.ts'
import type { DnsServerLimits } from './server.ts'

/** Answers what comes in at one UDP socket. */
export class UdpService {
  readonly #answerer: Answerer
  readonly #port: DatagramPort
  readonly #counts: Counts
  readonly #caller: UdpCaller
  #closed = false

  constructor(answerer: Answerer, port: DatagramPort, limits: DnsServerLimits, counts: Counts) {
    this.#answerer = answerer
    this.#port = port
    this.#counts = counts
    this.#caller = new UdpCaller(port.local, limits, (response, to) => this.#send(response, to))
  }

  start(): void {
    this.#port.start((batch) => this.receive(batch))
  }

  /** The way in, also without a socket. */
  receive(batch: readonly Datagram[]): void {
    for (let index = 0; index < batch.length && !this.#closed; index += 1) {
      const { data, from } = batch[index] ?? impossible()
      // A datagram from port 0 has nobody to answer.
      if (from.port === 0) continue
      this.#caller.client = from
      const response = this.#answerer.answer(data, this.#caller)
      if (response) this.#send(response, from)
    }
  }

  close(): void {
    this.#closed = true
    this.#port.close()
  }

  #send(response: Uint8Array, to: Endpoint): void {
    if (!this.#closed && !this.#port.send(response, to)) this.#counts.unsent += 1
  }
}

/** One for a socket: who asks is the sender of the datagram that is being answered. */
class UdpCaller implements Caller {
  readonly transport = 'udp'
  client: Endpoint
  readonly #limits: DnsServerLimits
  readonly #send: (response: Uint8Array, to: Endpoint) => void

  constructor(client: Endpoint, limits: DnsServerLimits, send: (response: Uint8Array, to: Endpoint) => void) {
    this.client = client
    this.#limits = limits
    this.#send = send
  }

  /**
   * What the client takes, but on its way to another host never more than every path carries in one piece: a fragment that is lost, or that somebody
   * else slips in, is worse than a question more over TCP. This host's own loopback has large packets and no fragments.
   */
  limitFor({ udpBytes }: Query): number {
    return Math.min(udpBytes, isLoopback(this.client.address) ? this.#limits.loopbackUdpBytes : this.#limits.udpBytes)
  }

  defer(): (response: Uint8Array | undefined) => void {
    const to = { address: this.client.address, port: this.client.port }
    return (response) => response && this.#send(response, to)
  }
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

function impossible(): never {
  throw new CodedError('dns.defect', 'A batch with a hole')
}
