import type { ScriptSegment, ScriptTcpOption } from '../script.ts'
import type { WireSegment } from '../wire/tcp.ts'

/** The peer's numbers begin just before the end of the circle, so that every script is a test of that too. */
const peerStart = 0xffff_fe00

/** One connection as the script counts it, from 0, and as it is on the wire. */
export class Conversation {
  readonly localPort: number
  readonly remotePort: number
  /** Wire less script; unknown until the stack has sent its first segment. */
  #localStart: number | undefined
  /** TSval of the wire by the script's, which are but names for them. */
  readonly #stamps = new Map<number, number>()
  #firstStamp: { readonly script: number; readonly wire: number } | undefined

  constructor(localPort: number, remotePort: number) {
    this.localPort = localPort
    this.remotePort = remotePort
  }

  /** Of the peer. Undefined if it echoes a time that the stack has not named. */
  toWire(segment: ScriptSegment, payload: Uint8Array): WireSegment | undefined {
    const options: ScriptTcpOption[] = []
    for (const option of segment.options === 'any' ? [] : segment.options) {
      const echo = option.kind === 'TS' && segment.flags.includes('.') ? this.#stampOnWire(option.echo) : 0
      if (echo === undefined) return undefined
      if (option.kind === 'TS') options.push({ ...option, echo })
      else if (option.kind === 'sack') options.push({ kind: 'sack', blocks: option.blocks.map(([start, end]) => [this.localOnWire(start), this.localOnWire(end)]) })
      else options.push(option)
    }
    return {
      sourcePort: segment.ports?.source ?? this.remotePort,
      destinationPort: segment.ports?.destination ?? this.localPort,
      seq: (segment.seq + peerStart) >>> 0,
      ack: segment.flags.includes('.') ? this.localOnWire(segment.ack ?? 0) : (segment.ack ?? 0),
      flags: segment.flags,
      window: segment.window ?? 0,
      urgent: segment.urgent ?? 0,
      options,
      payload,
    }
  }

  localOnWire(number: number): number {
    return (number + (this.#localStart ?? 0)) >>> 0
  }

  /** Of the stack, where `expected` is what the script says; without it nothing is learnt from it. */
  toScript(segment: WireSegment, expected: ScriptSegment | undefined): ScriptSegment {
    if (expected) this.#learn(segment, expected)
    const hasAck = segment.flags.includes('.')
    return {
      protocol: 'tcp',
      ports: undefined,
      flags: segment.flags,
      seq: (segment.seq - (this.#localStart ?? segment.seq)) >>> 0,
      length: segment.payload.length,
      ack: hasAck ? (segment.ack - peerStart) >>> 0 : undefined,
      window: segment.window,
      urgent: segment.urgent,
      options: segment.options.map((option) => this.#optionToScript(option)),
    }
  }

  #learn(segment: WireSegment, expected: ScriptSegment): void {
    this.#localStart ??= (segment.seq - expected.seq) >>> 0
    const named = expected.options === 'any' ? undefined : expected.options.find((option) => option.kind === 'TS')
    const seen = segment.options.find((option) => option.kind === 'TS')
    if (!named || !seen) return
    this.#stamps.set(named.value, seen.value)
    this.#firstStamp ??= { script: named.value, wire: seen.value }
  }

  #stampOnWire(name: number): number | undefined {
    return this.#stamps.get(name)
  }

  #optionToScript(option: ScriptTcpOption): ScriptTcpOption {
    if (option.kind === 'sack') return { kind: 'sack', blocks: option.blocks.map(([start, end]) => [(start - peerStart) >>> 0, (end - peerStart) >>> 0]) }
    if (option.kind !== 'TS' || !this.#firstStamp) return option
    return { ...option, value: (option.value - this.#firstStamp.wire + this.#firstStamp.script) >>> 0 }
  }
}
