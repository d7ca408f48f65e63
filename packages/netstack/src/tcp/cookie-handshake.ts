import type { Milliseconds } from '@tunnel/flow'
import type { IpOutput } from '../ip/ip-output.ts'
import { encodeSegmentHeader, tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import type { FlowFactory } from './flow-factory.ts'
import { seqAdd } from './seq.ts'
import { SynCookies } from './syn-cookies.ts'
import type { TcpFlow } from './tcp-flow.ts'
import type { TcpPair } from './tcp-pair.ts'

/** What is taken for the round trip where only a cookie is left of a SYN: the first timeout (RFC 6298 2.1). */
const unknownAge = 1_000

/** Handshakes of which nothing is kept between SYN and ACK (RFC 4987 3.6). */
export class CookieHandshake {
  readonly #cookies: SynCookies
  readonly #factory: FlowFactory
  readonly #output: IpOutput

  /** `random`: uniform in [0, 1), not to be guessed. */
  constructor(factory: FlowFactory, output: IpOutput, random: () => number) {
    this.#cookies = new SynCookies(random)
    this.#factory = factory
    this.#output = output
  }

  /** Answers as a connection would, which is forgotten at once. */
  answer(pair: TcpPair, syn: Segment, now: Milliseconds): void {
    const options = SynCookies.memorable(syn.options)
    const { connection, route } = this.#factory.create(pair, now, this.#cookies.make(pair, syn, now))
    // Of ECN nothing would be remembered.
    connection.accept({ ...syn, flags: tcpFlag.syn, options }, now)
    connection.transmit(now, (header) => {
      const { timestamp } = header.options
      const stamped = timestamp ? { ...header.options, timestamp: { ...timestamp, value: SynCookies.stamp(timestamp.value, options) } } : header.options
      const output = this.#output
      output.send(route, encodeSegmentHeader({ ...header, options: stamped }, output.scratch, output.transportAt), [], 0)
      return true
    })
  }

  /** What the connection would be now if we had kept it, before `segment` arrives; undefined if that brings no cookie of ours back. */
  recall(pair: TcpPair, segment: Segment, now: Milliseconds): TcpFlow | undefined {
    // With a SYN it would open nothing, and wait as half-open beside those that are counted.
    if ((segment.flags & (tcpFlag.ack | tcpFlag.rst | tcpFlag.syn)) !== tcpFlag.ack) return undefined
    const options = this.#cookies.recall(pair, segment, now)
    if (!options) return undefined
    const age = options.timestamp ? (this.#factory.timestampOffset(pair) + Math.floor(now) - options.timestamp.echo) | 0 : unknownAge
    const answered = now - Math.max(0, age)
    const flow = this.#factory.create(pair, answered, seqAdd(segment.ack, -1))
    flow.connection.accept({ ...segment, seq: seqAdd(segment.seq, -1), flags: tcpFlag.syn, options }, answered)
    flow.connection.transmit(answered, () => true)
    return flow
  }
}
