import type { Milliseconds } from '@tunnel/flow'
import { noTcpOptions, type TcpOptions } from '../../wire/tcp-options.ts'
import { tcpFlag, type Segment, type SegmentHeader } from '../../wire/tcp-segment.ts'
import { BlockPool } from '../buffer/block-pool.ts'
import { seqAdd, seqDiff, toSeq } from '../seq.ts'
import { TcpConnection } from '../tcp-connection.ts'
import { tcpSettings, type TcpSettings } from '../tcp-settings.ts'
import type { TcpFailure, TcpState } from '../tcp-state.ts'

/** A segment as tests write it: numbers count from each side's SYN, which is 0. */
export interface Line {
  /** Words of `FIN SYN RST PSH ACK URG ECE CWR`. Default `ACK`. */
  readonly flags?: string
  readonly seq?: number
  readonly ack?: number
  /** As in the header; 65535 if the peer says nothing else. */
  readonly window?: number
  readonly text?: string | Uint8Array
  readonly mss?: number
  readonly windowScale?: number
  readonly sackPermitted?: boolean
  readonly sack?: readonly (readonly [number, number])[]
  /**
   * The peer's clock, by default that of its SYN; null for no timestamp where there should be one. The echo is filled in with our last one
   * where none is given.
   */
  readonly time?: number | null
  readonly echo?: number
  readonly urgent?: number
  /** The packet came marked, or is one that may be (RFC 3168). */
  readonly marked?: boolean
  readonly capable?: boolean
  /** What was sent has PSH, which `flags` does not tell. */
  readonly push?: boolean
}

export interface TalkOptions {
  readonly settings?: Partial<TcpSettings>
  readonly mss?: number
  readonly peerMss?: number
  readonly peerWindow?: number
  /** What the peer's SYN offers. Default: nothing but its MSS. */
  readonly peerOptions?: Pick<Line, 'windowScale' | 'sackPermitted'> & { readonly time?: number }
  /** Flags of the peer's SYN. Default `SYN`. */
  readonly synFlags?: string
  /** How long the handshake takes. Default 0. */
  readonly roundTrip?: Milliseconds
  /** Where our numbers begin, and the peer's. Default: just before the end of the circle. */
  readonly iss?: number
  readonly irs?: number
}

const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const

/** A connection and a peer whose part the test speaks: what it gets, what it must have sent, and what time it is. */
export class Talk {
  readonly connection: TcpConnection
  now: Milliseconds = 1_000_000
  readonly #options: TalkOptions
  readonly #iss: number
  readonly #irs: number
  readonly #sent: (Segment & { readonly capable: boolean })[] = []
  #lastTimestamp = 0
  /** The device takes segments. */
  open = true
  everSent = 0

  constructor(options: TalkOptions = {}) {
    this.#options = options
    this.#iss = options.iss ?? 0xffff_ff00
    this.#irs = options.irs ?? 0xffff_ff80
    const { mss = 1460, settings } = options
    const numbers = { initialSequence: toSeq(this.#iss), timestampOffset: 0 }
    this.connection = new TcpConnection({ localPort: 80, remotePort: 5000, ...numbers, mss, offloadBytes: 0, pool: new BlockPool(), settings: tcpSettings(settings), now: this.now })
  }

  /** Both have said SYN; the peer opened. */
  static established(options: TalkOptions = {}): Talk {
    const talk = new Talk(options)
    talk.accepts()
    talk.emits({ seq: 0, ack: 1 })
    talk.passes(options.roundTrip ?? 0)
    talk.gets({ seq: 1, ack: 1 })
    return talk
  }

  get state(): TcpState {
    return this.connection.state
  }

  get failure(): TcpFailure | undefined {
    return this.connection.failure
  }

  opens(): void {
    this.connection.open()
    this.#transmit()
  }

  /** Gets the peer's SYN and answers it. */
  accepts(): void {
    const { peerMss = 1460, peerWindow, peerOptions } = this.#options
    this.connection.accept(this.#segment({ flags: this.#options.synFlags ?? 'SYN', seq: 0, mss: peerMss, ...(peerWindow !== undefined && { window: peerWindow }), ...peerOptions }), this.now)
    this.#transmit()
  }

  gets(line: Line): void {
    this.connection.receive(this.#segment(line), this.now, line.marked)
    this.#transmit()
  }

  /** Several at once, as a batch of a device: answered after the last. */
  getsAll(...lines: Line[]): void {
    for (const line of lines) this.connection.receive(this.#segment(line), this.now)
    this.#transmit()
  }

  writes(text: string | Uint8Array): void {
    this.connection.write(bytesOf(text), undefined)
    this.#transmit()
  }

  closes(): void {
    this.connection.finish()
    this.#transmit()
  }

  aborts(): void {
    this.connection.abort()
    this.#transmit()
  }

  reads(): string {
    let text = ''
    this.connection.read((chunk) => {
      text += new TextDecoder().decode(chunk)
      return true
    }, this.now)
    this.#transmit()
    return text
  }

  /** Time goes by; timers ring on the way. */
  passes(span: Milliseconds): void {
    const until = this.now + span
    for (let wake = this.connection.nextWake(); wake <= until; wake = this.connection.nextWake()) {
      this.now = Math.max(this.now, wake)
      this.#transmit()
      if (this.connection.nextWake() <= this.now && this.open) throw new Error(`nextWake stands still at ${this.now}`)
    }
    this.now = until
    this.#transmit()
  }

  /** The next of the segments that were sent must be this one; only what `line` names is compared. */
  emits(line: Line): Segment {
    const segment = this.#sent.shift()
    if (!segment) throw new Error(`nothing was sent; expected ${print(line)}`)
    const seen = this.#describe(segment)
    for (const [key, value] of Object.entries(line)) {
      const actual = seen[key as keyof Line]
      if (JSON.stringify(actual) !== JSON.stringify(value instanceof Uint8Array ? new TextDecoder().decode(value) : value)) {
        throw new Error(`sent ${print(seen)}; expected ${print(line)}`)
      }
    }
    return segment
  }

  /** All that was sent is told already. */
  isQuiet(): void {
    const [segment] = this.#sent
    if (segment) throw new Error(`nothing more was expected; sent ${print(this.#describe(segment))}`)
  }

  /** Takes what was sent without looking at it; returns how many segments. */
  ignoresSent(): number {
    return this.#sent.splice(0).length
  }

  /** All that was sent, in the words of the tests. */
  takeSent(): Line[] {
    return this.#sent.splice(0).map((segment) => this.#describe(segment))
  }

  #transmit(): void {
    this.connection.transmit(this.now, (header, parts, payloadBytes, capable) => {
      if (!this.open) return false
      this.everSent += 1
      const payload = new Uint8Array(payloadBytes)
      let at = 0
      for (const part of parts) {
        payload.set(part, at)
        at += part.length
      }
      if (at !== payloadBytes) throw new Error(`${payloadBytes} bytes were announced, ${at} came`)
      this.#lastTimestamp = header.options.timestamp?.value ?? this.#lastTimestamp
      this.#sent.push({ ...header, payload, capable })
      return true
    })
  }

  #segment(line: Line): Segment {
    const { flags = 'ACK', seq = 0, ack, window = this.#options.peerWindow ?? 65_535, text = '' } = line
    return {
      sourcePort: 5000,
      destinationPort: 80,
      seq: toSeq(this.#irs + seq),
      ack: ack === undefined ? toSeq(0) : toSeq(this.#iss + ack),
      flags: flags.split(' ').reduce((bits, name) => bits | tcpFlag[name.toLowerCase() as keyof typeof tcpFlag], 0),
      window,
      options: this.#optionsOf(line),
      payload: bytesOf(text),
      urgent: line.urgent ?? 0,
    }
  }

  #optionsOf({ mss, windowScale, sackPermitted = false, sack = [], time = this.#options.peerOptions?.time, echo }: Line): TcpOptions {
    const blocks = sack.map(([start, end]) => ({ start: toSeq(this.#iss + start), end: toSeq(this.#iss + end) }))
    const timestamp = time === undefined || time === null ? undefined : { value: time, echo: echo ?? this.#lastTimestamp }
    return { ...noTcpOptions, mss, windowScale, sackPermitted, sack: blocks, timestamp }
  }

  #describe({ flags, seq, ack, window, urgent, options, payload, capable }: SegmentHeader & { readonly payload: Uint8Array; readonly capable: boolean }): Line {
    const relative = (value: number, base: number): number => seqDiff(toSeq(value), seqAdd(toSeq(base), 0))
    return {
      flags: flagNames.filter((name) => (flags & tcpFlag[name.toLowerCase() as keyof typeof tcpFlag]) !== 0 && name !== 'PSH').join(' '),
      seq: relative(seq, this.#iss),
      ...((flags & tcpFlag.ack) !== 0 && { ack: relative(ack, this.#irs) }),
      window,
      text: new TextDecoder().decode(payload),
      ...(urgent && { urgent }),
      ...(capable && { capable }),
      ...((flags & tcpFlag.psh) !== 0 && { push: true }),
      ...(options.mss !== undefined && { mss: options.mss }),
      ...(options.windowScale !== undefined && { windowScale: options.windowScale }),
      ...(options.sackPermitted && { sackPermitted: true }),
      ...(options.sack.length > 0 && { sack: options.sack.map(({ start, end }) => [relative(start, this.#irs), relative(end, this.#irs)] as const) }),
      ...(options.timestamp && { time: options.timestamp.value, echo: options.timestamp.echo }),
    }
  }
}

function print(line: Line): string {
  const { text = '' } = line
  return JSON.stringify(text.length > 60 ? { ...line, text: `${text.length} bytes` } : line)
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? new TextEncoder().encode(text) : text
}

/** `count` letters. */
export function letters(count: number): string {
  return 'abcdefghijklmnopqrstuvwxyz'.repeat(Math.ceil(count / 26)).slice(0, count)
}
