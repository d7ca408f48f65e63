import type { Duplex } from 'node:stream'
import {
  ContentType,
  encodeFrame,
  encodeInt32,
  encodeString,
  encodeUint32,
  FrameReader,
  HeaderId,
  replyFor,
  stringHeader,
  uint32Header,
  type Headers,
} from '@tunnel/edge/wire'

/** A frame that the router sent, copied. */
export interface Said {
  readonly contentType: number
  readonly sequence: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly text: string
  readonly connectionId: number | undefined
  readonly replyFor: number | undefined
  readonly circuitId: string | undefined
}

export type Entry = readonly [id: number, value: Uint8Array]

export const connId = (id: number): Entry => [HeaderId.ConnId, encodeUint32(id)]
export const flags = (value: number): Entry => [HeaderId.Flags, encodeUint32(value)]
export const bytesOf = (value: string | Uint8Array): Uint8Array => (typeof value === 'string' ? encodeString(value) : value)
/** Lets all that is on its way through streams and immediates arrive. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 12; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** The other side of a channel, frame by frame. */
export class SdkPeer {
  readonly stream: Duplex
  readonly closed: Promise<void>
  isClosed = false
  readonly #said: Said[] = []
  #listener: (() => void) | undefined
  #sequence = 100

  constructor(stream: Duplex) {
    this.stream = stream
    const reader = new FrameReader({ frame: (frame) => this.#heard(frame), refused: (reason) => this.stream.destroy(new Error(reason)) })
    stream.on('data', (chunk: Uint8Array) => reader.push(chunk))
    stream.on('error', () => {})
    this.closed = new Promise((resolve) => {
      const close = (): void => {
        this.isClosed = true
        stream.destroy()
        resolve()
      }
      stream.once('end', close)
      stream.once('close', close)
    })
  }

  /** What came and was not asked for. */
  get unheard(): readonly Said[] {
    return this.#said
  }

  /** Returns the sequence. */
  says(contentType: number, headers: readonly Entry[] = [], body: string | Uint8Array = '', sequence = (this.#sequence += 1)): number {
    this.stream.write(encodeFrame({ contentType, sequence, headers, body: bytesOf(body) }))
    return sequence
  }

  data(id: number, body: string | Uint8Array, flagBits = 0): void {
    this.says(ContentType.Data, flagBits === 0 ? [connId(id)] : [connId(id), flags(flagBits)], body)
  }

  leaves(): void {
    this.stream.end()
  }

  /** The next frame, which must be of this type. */
  async hears(contentType: number): Promise<Said> {
    if (this.#said.length === 0) await new Promise<void>((resolve) => (this.#listener = resolve))
    const said = this.#said.shift()
    if (said?.contentType !== contentType) throw new Error(`wanted ${contentType}, heard ${said?.contentType}: ${said?.text}`)
    return said
  }

  /** Everything of one connection until this many bytes came. */
  async hearsBytes(id: number, bytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (let left = bytes; left > 0; ) {
      const { body, connectionId } = await this.hears(ContentType.Data)
      if (connectionId !== id) throw new Error(`data of connection ${connectionId}, not ${id}`)
      parts.push(body)
      left -= body.length
    }
    return Buffer.concat(parts)
  }

  async connects(id: number, token: string, headers: readonly Entry[] = []): Promise<Said> {
    this.says(ContentType.Connect, [connId(id), ...headers], token)
    return this.hears(ContentType.StateConnected)
  }

  /** Answers a Dial of the router with success. Returns the new id. */
  async accepts(headers: readonly Entry[] = []): Promise<number> {
    const dial = await this.hears(ContentType.Dial)
    const id = uint32Header(dial.headers, HeaderId.RouterProvidedConnId)
    if (id === undefined || dial.connectionId === undefined) throw new Error('a dial without ids')
    this.says(ContentType.DialSuccess, [[HeaderId.ReplyFor, encodeInt32(dial.sequence)], connId(dial.connectionId), ...headers], encodeUint32(id))
    return id
  }

  #heard({ contentType, sequence, headers, body }: { contentType: number; sequence: number; headers: Headers; body: Uint8Array }): void {
    const copied = new Map([...headers].map(([id, value]) => [id, value.slice()] as const))
    this.#said.push({
      contentType,
      sequence,
      headers: copied,
      body: body.slice(),
      text: new TextDecoder().decode(body.subarray(0, 200)),
      connectionId: uint32Header(copied, HeaderId.ConnId),
      replyFor: replyFor(copied),
      circuitId: stringHeader(copied, HeaderId.CircuitId),
    })
    this.#listener?.()
    this.#listener = undefined
  }
}
