import type { Lab } from './lab.ts'
import { segmentPacket, type SeenSegment, type SegmentOptions } from './segment.ts'

/** A segment as cases write it: numbers count from each side's SYN, which is 0. What is left out is what a peer in good order would say. */
export interface Line {
  /** Words of `FIN SYN RST ACK URG`. Default `ACK`. */
  readonly flags?: string
  readonly seq?: number
  readonly ack?: number
  readonly window?: number
  readonly text?: string
  readonly mss?: number
  readonly windowScale?: number
  readonly sackPermitted?: boolean
  readonly sack?: readonly (readonly [number, number])[]
  /** The peer's clock; null for no timestamp where there should be one. */
  readonly time?: number | null
  readonly urgent?: number
  readonly trafficClass?: number
  readonly corrupt?: boolean
}

/** As `Line`, of what the device has sent. */
export interface SeenLine extends Omit<Line, 'time' | 'trafficClass' | 'corrupt'> {
  readonly seq: number
  readonly ack: number
  readonly window: number
  readonly text: string
  readonly flags: string
  readonly push: boolean
  readonly time?: number
  readonly echo?: number
}

export interface TcpPeerOptions {
  /** Of the device. */
  readonly port: number
  readonly ownPort?: number
  readonly version?: 4 | 6
  /** Window of all segments that name no other. Default 65535. */
  readonly window?: number
  /** What our SYN, or SYN ACK, offers. Default: an MSS of 1460. */
  readonly options?: Pick<SegmentOptions, 'mss' | 'windowScale' | 'sackPermitted'> & { readonly timestamps?: boolean }
}

const initialSequence = 0xffff_fe00
let lastPort = 20_000

/** One connection as seen by a peer who does nothing by himself: what he sends and expects, the case says. */
export class TcpPeer {
  readonly ownPort: number
  readonly #lab: Lab
  readonly #options: TcpPeerOptions
  readonly #own: string
  readonly #device: string
  #port: number
  /** IRS: known from the first SYN on. */
  #irs = 0
  #lastTime = 0
  /** Our next number, and the device's: kept up by what is sent and seen. */
  next = 1
  deviceNext = 1

  constructor(lab: Lab, options: TcpPeerOptions) {
    const { version = 4, ownPort = (lastPort += 1) } = options
    this.ownPort = ownPort
    this.#lab = lab
    this.#options = options
    this.#port = options.port
    this.#own = version === 4 ? lab.peer.v4 : lab.peer.v6
    this.#device = version === 4 ? lab.device.v4 : lab.device.v6
  }

  /** Opens a connection to a listener of the device. */
  async opens(): Promise<void> {
    this.sendsSyn()
    await this.emits({ flags: 'SYN ACK', seq: 0, ack: 1 })
    this.sends({})
  }

  sendsSyn(): void {
    this.sends({ ...this.#offer, flags: 'SYN', seq: 0, ack: 0 })
  }

  /** Takes the connection that the device opens. Its SYN has not been looked at yet. */
  async answers(line: Line = {}): Promise<SeenLine> {
    const syn = await this.emits({ flags: 'SYN', seq: 0 })
    this.sends({ ...this.#offer, flags: 'SYN ACK', seq: 0, ack: 1, ...line })
    await this.emits({ flags: 'ACK', seq: 1, ack: 1 })
    return syn
  }

  get #offer(): Line {
    const { mss = 1460, windowScale, sackPermitted } = this.#options.options ?? {}
    return { mss, ...(windowScale !== undefined && { windowScale }), ...(sackPermitted && { sackPermitted }) }
  }

  /** Sends a segment; without `seq` and `ack` the next in order, acknowledging all that was seen. */
  sends(line: Line): void {
    const { flags = 'ACK', seq = this.next, ack = this.deviceNext, window = this.#options.window ?? 65_535, time, sack } = line
    const { port, ownPort } = { port: this.#port, ownPort: this.ownPort }
    const isReset = flags.includes('RST')
    const stamped = this.#options.options?.timestamps && time !== null && (!isReset || time !== undefined)
    const { mss, windowScale, sackPermitted, text = '', urgent, trafficClass, corrupt } = line
    this.#lab.peer.sends(
      segmentPacket({
        from: this.#own,
        to: this.#device,
        fromPort: ownPort,
        toPort: port,
        flags,
        seq: (initialSequence + seq) >>> 0,
        ack: flags.includes('ACK') ? (this.#irs + ack) >>> 0 : 0,
        window,
        text,
        ...(mss !== undefined && { mss }),
        ...(windowScale !== undefined && { windowScale }),
        ...(sackPermitted !== undefined && { sackPermitted }),
        ...(urgent !== undefined && { urgent }),
        ...(trafficClass !== undefined && { trafficClass }),
        ...(corrupt !== undefined && { corrupt }),
        ...(sack && { sack: sack.map(([start, end]) => [(this.#irs + start) >>> 0, (this.#irs + end) >>> 0] as const) }),
        ...(stamped && { time: [time ?? Math.floor(this.#lab.now), this.#lastTime] as const }),
      }),
    )
    const end = seq + text.length + (flags.includes('SYN') ? 1 : 0) + (flags.includes('FIN') ? 1 : 0)
    if (!isReset && seq === this.next && end > this.next) this.next = end
  }

  /** The next segment of the device; undefined if none comes in time. */
  async nextLine(within?: number): Promise<SeenLine | undefined> {
    const segment = await this.#lab.peer.nextSegment(this.ownPort, within)
    if (!segment) return undefined
    return this.#seen(segment)
  }

  /** The next segment must be this one; only what `line` names is compared. */
  async emits(line: Line, within?: number): Promise<SeenLine> {
    const seen = await this.nextLine(within)
    if (!seen) throw new Error(`nothing came; expected ${JSON.stringify(line)}`)
    if (!matches(seen, line)) throw new Error(`came ${print(seen)}; expected ${JSON.stringify(line)}`)
    return seen
  }

  /** This segment must come; others before it are passed over, for one stack acknowledges where another waits. */
  async eventuallyEmits(line: Line, within = 2_000): Promise<SeenLine> {
    const passed: string[] = []
    const end = this.#lab.now + within
    for (;;) {
      const seen = await this.nextLine(Math.max(0, end - this.#lab.now))
      if (!seen) throw new Error(`expected ${JSON.stringify(line)}; there came only ${passed.join(', ') || 'nothing'}`)
      if (matches(seen, line)) return seen
      passed.push(print(seen))
    }
  }

  /** Data of the device up to `bytes`, each segment once, in order; nothing is acknowledged. Repetitions are passed over. */
  async hears(bytes: number, within?: number): Promise<string> {
    let heard = ''
    const from = this.deviceNext
    while (heard.length < bytes) {
      const seen = await this.nextLine(within)
      if (!seen) throw new Error(`${heard.length} of ${bytes} bytes came`)
      if (seen.text !== '' && seen.seq === from + heard.length) heard += seen.text
    }
    return heard
  }

  /** Nothing comes for a while. */
  async isQuiet(span = 100): Promise<void> {
    const seen = await this.nextLine(span)
    if (seen) throw new Error(`nothing more was expected; came ${print(seen)}`)
  }

  /** All segments of a while. */
  async everything(span: number): Promise<SeenLine[]> {
    const all: SeenLine[] = []
    const end = this.#lab.now + span
    for (let seen = await this.nextLine(span); seen; seen = await this.nextLine(Math.max(0, end - this.#lab.now))) all.push(seen)
    return all
  }

  #seen(segment: SeenSegment): SeenLine {
    const { flags, push, window, text, mss, windowScale, sackPermitted, sack, time, urgent } = segment
    if (flags.includes('SYN')) {
      this.#irs = segment.seq
      this.#port = segment.fromPort
    }
    if (time) this.#lastTime = time[0]
    const seq = relative(segment.seq, this.#irs)
    const end = seq + text.length + (flags.includes('FIN') ? 1 : 0)
    if (!flags.includes('RST') && seq <= this.deviceNext && end > this.deviceNext) this.deviceNext = end
    return {
      flags,
      push,
      seq,
      ack: flags.includes('ACK') ? relative(segment.ack, initialSequence) : 0,
      window,
      text,
      urgent,
      ...(mss !== undefined && { mss }),
      ...(windowScale !== undefined && { windowScale }),
      ...(sackPermitted && { sackPermitted }),
      ...(sack && { sack: sack.map(([start, last]) => [relative(start, initialSequence), relative(last, initialSequence)] as const) }),
      ...(time && { time: time[0], echo: time[1] }),
    }
  }
}

const relative = (value: number, base: number): number => (value - base) | 0

function matches(seen: SeenLine, line: Line): boolean {
  return Object.entries(line).every(([key, value]) => JSON.stringify(seen[key as keyof SeenLine]) === JSON.stringify(value))
}

function print(seen: SeenLine): string {
  return JSON.stringify(seen.text.length > 60 ? { ...seen, text: `${seen.text.length} bytes` } : seen)
}
