import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { defaultFrameLimits, FrameReader, helloFrameLimits, HeaderId, encodeInt32, type Frame } from '@tunnel/edge/wire'
import type { Clock, Milliseconds } from '@tunnel/flow'
import { drainWays, type CircuitWay } from './circuit-way.ts'
import type { ChannelCloseReason, Counters } from './counters.ts'
import { FrameWriter, type HeaderEntry } from './frame-writer.ts'
import type { RouterFaults } from './router-faults.ts'
import { routerLimits, routerTiming } from './router-timing.ts'

export interface ChannelOptions {
  readonly stream: Duplex
  readonly clock: Clock
  readonly counters: Counters
  readonly faults: RouterFaults
  /** One frame, borrowed. Called for the replies too that nobody waits for. */
  readonly received: (frame: Frame) => void
  /** Always the last call, once. */
  readonly closed: (reason: ChannelCloseReason) => void
}

/** A stream in memory may bring more in one chunk than a socket would: a stop must not wait for all of it. */
const feedBytes = 64 * 1024
const nothing = new Uint8Array(0)

/**
 * Frames over one stream of an SDK: reading that can be stopped as a whole, writing in batches, replies matched with
 * their requests. It knows nothing of what the frames mean.
 */
export class Channel {
  readonly id = randomBytes(6).toString('base64url')
  readonly #options: ChannelOptions
  readonly #writer: FrameWriter
  readonly #reader: FrameReader
  #unread: Uint8Array = nothing
  #feeding = false
  readonly #waiting = new Set<CircuitWay>()
  readonly #replies = new Map<number, (reply: Frame) => void>()
  /** The reader looks at it for each frame: the hello has its own limits (protocol section 3.2). */
  readonly #limits = { ...helloFrameLimits }
  #blocks = 0
  #bufferedBytes = 0
  #bufferBlocked = false
  #outputBlocked = false
  #frozen = false
  #deaf = false
  #closed = false

  constructor(options: ChannelOptions) {
    this.#options = options
    const { stream, clock } = options
    this.#writer = new FrameWriter({ stream, clock, drained: () => this.#drained() })
    this.#reader = new FrameReader({
      limits: this.#limits,
      frame: (frame) => this.#received(frame),
      refused: (reason) => this.close(reason),
    })
    stream.on('data', (chunk: Uint8Array) => {
      options.counters.bytesIn += chunk.length
      // The stream calls only while nothing is left of its last chunk, or once more if it was paused in between.
      this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
      this.#feed()
    })
    stream.on('end', () => this.close('peer-closed'))
    stream.on('error', () => this.close('socket-error'))
    stream.on('close', () => this.close('peer-closed'))
  }

  get closed(): boolean {
    return this.#closed
  }

  get writable(): boolean {
    return this.#writer.room
  }

  /** The SDK does not read what it is asked and answered. */
  get congested(): boolean {
    return this.#writer.controlBytes > routerLimits.controlBytes
  }

  helloReceived(): void {
    Object.assign(this.#limits, defaultFrameLimits)
  }

  /** Reads nothing any more, for ever. */
  deafen(): void {
    this.#deaf = true
    this.#flow()
  }

  /** Returns the sequence of the frame. */
  send(contentType: number, headers: readonly HeaderEntry[], body?: Uint8Array, sequence?: number): number {
    if (this.#closed || this.#options.faults.dropOutgoing?.(contentType)) return 0
    const sent = this.#writer.control(contentType, headers, body, sequence)
    if (this.congested && !this.#outputBlocked) {
      this.#outputBlocked = true
      this.#flow()
    }
    return sent
  }

  reply(request: Frame, contentType: number, headers: readonly HeaderEntry[], body?: Uint8Array): void {
    this.send(contentType, [[HeaderId.ReplyFor, encodeInt32(request.sequence)], ...headers], body)
  }

  /** Sends and waits for the reply. Returns how to stop waiting; whoever asks keeps the time. */
  request(
    contentType: number,
    headers: readonly HeaderEntry[],
    body: Uint8Array | undefined,
    replied: (reply: Frame) => void,
  ): () => void {
    const sequence = this.send(contentType, headers, body)
    this.#replies.set(sequence, replied)
    return () => this.#replies.delete(sequence)
  }

  data(connectionId: number, flags: number, uuid: Uint8Array | undefined, body: Uint8Array): void {
    if (!this.#closed) this.#writer.data(connectionId, flags, uuid, body)
  }

  waitForRoom(way: CircuitWay): void {
    this.#waiting.add(way)
    this.#drained()
  }

  /** Protocol section 4.5: one full circuit stops the whole channel. Calls are counted. */
  block(): void {
    if (this.#closed) return
    this.#blocks += 1
    if (this.#blocks === 1) this.#options.counters.blockedChannels += 1
    this.#flow()
  }

  unblock(): void {
    if (this.#closed) return
    this.#blocks -= 1
    if (this.#blocks === 0) this.#options.counters.blockedChannels -= 1
    this.#flow()
  }

  buffered(bytes: number): void {
    this.#bufferedBytes += bytes
    this.#options.counters.buffered(bytes)
    const full = this.#bufferedBytes > routerLimits.channelBufferedBytes
    if (full === this.#bufferBlocked) return
    this.#bufferBlocked = full
    if (full) this.block()
    else this.unblock()
  }

  freeze(): void {
    this.#frozen = true
    this.#writer.hold()
    this.#flow()
  }

  resume(): void {
    this.#frozen = false
    this.#writer.release()
    this.#flow()
  }

  delay(milliseconds: Milliseconds): void {
    this.#writer.delay(milliseconds)
  }

  /** Now: what is queued is lost. */
  close(reason: ChannelCloseReason): void {
    if (this.#closed) return
    this.#end(reason)
    this.#options.stream.destroy()
  }

  /** After what is queued, if the peer takes it in time. */
  finish(reason: ChannelCloseReason): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#writer.flush()
    this.#end(reason)
    const { stream, clock } = this.#options
    return new Promise((resolve) => {
      const cancel = clock.after(routerTiming.flush, () => stream.destroy())
      stream.once('close', () => {
        cancel()
        resolve()
      })
      stream.end(() => stream.destroy())
    })
  }

  #end(reason: ChannelCloseReason): void {
    this.#closed = true
    this.#writer.kill()
    this.#waiting.clear()
    this.#replies.clear()
    this.#unread = nothing
    if (this.#blocks > 0) this.#options.counters.blockedChannels -= 1
    this.#options.counters.closed(reason)
    this.#options.closed(reason)
  }

  #received(frame: Frame): void {
    if (this.#closed) return
    this.#options.counters.framesIn += 1
    if (this.#deaf) return this.#options.counters.ignored('after-refused-token')
    if (this.#options.faults.dropIncoming?.(frame.contentType)) return this.#options.counters.ignored('fault')
    this.#options.received(frame)
  }

  /** The reply goes to whoever waits for it. False: nobody does. */
  takeReply(frame: Frame, replyFor: number): boolean {
    const replied = this.#replies.get(replyFor)
    if (replied === undefined) return false
    this.#replies.delete(replyFor)
    replied(frame)
    return true
  }

  #drained(): void {
    if (this.#outputBlocked && this.#writer.controlBytes < routerLimits.controlBytes / 2) {
      this.#outputBlocked = false
      this.#flow()
    }
    drainWays(this.#waiting, () => this.#writer.room)
  }

  get #stopped(): boolean {
    return this.#blocks > 0 || this.#frozen || this.#outputBlocked || this.#deaf
  }

  #flow(): void {
    if (this.#closed) return
    if (this.#stopped) {
      this.#options.stream.pause()
    } else {
      this.#feed()
      if (!this.#stopped) this.#options.stream.resume()
    }
  }

  #feed(): void {
    if (this.#feeding) return
    this.#feeding = true
    while (this.#unread.length > 0 && !this.#stopped && !this.#closed) {
      const part = this.#unread.subarray(0, feedBytes)
      this.#unread = this.#unread.subarray(part.length)
      this.#reader.push(part)
    }
    if (this.#unread.length === 0 || this.#closed) this.#unread = nothing
    this.#feeding = false
  }
}
