import { silentLog } from '@tunnel/flow'
import { createVirtualClock, type VirtualClock } from '@tunnel/flow/testing'
import { Channel, type ChannelOptions, type ChannelTransport } from '../channel/channel.ts'
import { connIdHeader, replyForHeader, type HeaderEntry } from '../channel/frame-writer.ts'
import { ContentType, encodeFrame, encodeString, encodeUint32, FrameReader, HeaderId, replyFor, stringHeader, uint32Header, type Frame } from '../wire.ts'

/** A frame as tests write it. Absent members are not looked at. */
export interface FrameRepr {
  readonly type: keyof typeof ContentType
  readonly connId?: number
  readonly replyFor?: number
  readonly flags?: number
  readonly text?: string
}

const typeNames = new Map<number, string>(Object.entries(ContentType).map(([name, value]) => [value, name]))
const text = new TextDecoder()
const none = new Uint8Array(0)

const owned = ({ contentType, sequence, headers, body }: Frame): Frame => ({
  contentType,
  sequence,
  body: body.slice(),
  headers: new Map([...headers].map(([id, value]) => [id, value.slice()])),
})

const repr = (frame: Frame, wanted: FrameRepr): FrameRepr => {
  const connId = uint32Header(frame.headers, HeaderId.ConnId)
  const reply = replyFor(frame.headers)
  return {
    type: (typeNames.get(frame.contentType) ?? String(frame.contentType)) as FrameRepr['type'],
    ...('connId' in wanted && connId !== undefined && { connId }),
    ...('replyFor' in wanted && reply !== undefined && { replyFor: reply }),
    ...('flags' in wanted && { flags: uint32Header(frame.headers, HeaderId.Flags) ?? 0 }),
    ...('text' in wanted && { text: text.decode(frame.body) }),
  }
}

/** The router's end of one channel, in the hands of a test: what we `get` from the channel, what we `give` it. */
export class ScriptedRouter {
  readonly clock: VirtualClock = createVirtualClock()
  readonly channel: Channel
  readonly received: Frame[] = []
  /** Writes whose completion the test holds back. */
  readonly unwritten: (() => void)[] = []
  /** Whether the network takes writes. */
  takesWrites = true
  readingPaused = false
  transportClosed = false
  /** End-of-turn calls wait here until `turn`. */
  #scheduled: (() => void)[] = []
  #sequence = 1000

  constructor({ tokenExpiresAt }: Pick<ChannelOptions, 'tokenExpiresAt'> = {}) {
    const reader = new FrameReader({ frame: (frame) => this.received.push(owned(frame)), refused: (reason) => { throw new Error(reason) } })
    const transport: ChannelTransport = {
      write: (bytes, written) => {
        reader.push(bytes)
        this.unwritten.push(written)
      },
      pauseReading: () => (this.readingPaused = true),
      resumeReading: () => (this.readingPaused = false),
      close: async () => void (this.transportClosed = true),
    }
    const schedule = (call: () => void): unknown => this.#scheduled.push(call)
    this.channel = new Channel({ url: 'tls://router:3022', transport, clock: this.clock, log: silentLog, schedule, tokenExpiresAt })
  }

  /** Ends the turn of the event loop, and those that follow from it. */
  turn(): void {
    while (this.#scheduled.length > 0 || (this.takesWrites && this.unwritten.length > 0)) {
      for (const call of this.#scheduled.splice(0)) call()
      if (this.takesWrites) for (const written of this.unwritten.splice(0)) written()
    }
  }

  /** The next frame that the channel sent; `undefined` when it sent none. */
  next(): Frame | undefined {
    this.turn()
    return this.received.shift()
  }

  /** The next frame, which must be so; an error says what came instead. */
  gets(wanted: FrameRepr): Frame {
    const frame = this.next()
    const got = frame ? JSON.stringify(repr(frame, wanted)) : 'nothing'
    if (frame === undefined || got !== JSON.stringify({ ...repr(frame, wanted), ...wanted })) throw new Error(`wanted ${JSON.stringify(wanted)}, got ${got}`)
    return frame
  }

  /** Sends a frame to the channel. Returns its sequence. */
  gives({ type, connId, replyFor: reply, flags, text: body }: FrameRepr, headers: readonly HeaderEntry[] = [], bytes?: Uint8Array): number {
    this.#sequence += 1
    const entries: HeaderEntry[] = [...headers]
    if (connId !== undefined) entries.push(connIdHeader(connId))
    if (reply !== undefined) entries.push(replyForHeader(reply))
    if (flags !== undefined) entries.push([HeaderId.Flags, encodeUint32(flags)])
    const frame = { contentType: ContentType[type], sequence: this.#sequence, headers: entries, body: bytes ?? (body === undefined ? none : encodeString(body)) }
    this.channel.reader.push(encodeFrame(frame))
    return this.#sequence
  }

  /** The beginning of every dialogue. */
  async welcomes(): Promise<this> {
    const opened = this.channel.open('token', 5_000)
    const hello = this.gets({ type: 'Hello' })
    if (stringHeader(hello.headers, HeaderId.SessionToken) !== 'token') throw new Error('hello without its token')
    this.gives({ type: 'Result', replyFor: hello.sequence }, [
      [HeaderId.ResultSuccess, Uint8Array.of(1)],
      [HeaderId.Id, encodeString('router1')],
      [HeaderId.HelloVersion, encodeString('v2.0.3|0123|2026|linux|amd64')],
      [HeaderId.SupportsBindSuccess, Uint8Array.of(1)],
    ])
    await opened
    return this
  }
}
