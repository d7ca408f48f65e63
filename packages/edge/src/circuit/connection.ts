import { type Cancel, type Clock, CodedError, type Hold, type Milliseconds, copyBytes } from '@tunnel/flow'
import type { Channel } from '../channel/channel.ts'
import type { ChannelReceiver } from '../channel/connection-table.ts'
import { messageBytes } from '../channel/frame-writer.ts'
import { parseReason } from '../channel/reason.ts'
import { cipherOverheadBytes, ContentType, DataFlag, HeaderId, streamHeaderBytes, uint32Header, type Crypto, type Decryptor, type Encryptor, type Frame, type SessionKeys } from '../wire.ts'
import type { PlaintextSlabs } from './plaintext-slabs.ts'

/** What becomes of a connection, told to the flow above it. No call is made after `closed`. */
export interface ConnectionEvents {
  /** One message in the clear, borrowed. `flags` as in protocol section 4.5. */
  message(body: Uint8Array, flags: number, hold: Hold): void
  fin(): void
  drained(): void
  /** StateClosed came with this reason: all data came before. */
  peerClosed(reason: string): void
  failed(error: CodedError): void
}

export interface ConnectionOptions {
  readonly channel: Channel
  readonly slabs: PlaintextSlabs
  readonly crypto: Crypto
}

/**
 * Ours alone: the sender of this flag ends a half with FIN, always. No other SDK looks at it; the network carries it to the
 * far end as it carries all flags (protocol section 4.5), while the words of a StateClosed get lost.
 */
export const halfCloseFlag = 1 << 20

const none = new Uint8Array(0)

/**
 * One connection id on a channel: bodies out (encrypted in place in the channel's slab) and in, and the end. Knows
 * nothing of flows; `Circuit` and `DatagramCircuit` do.
 */
export class Connection implements ChannelReceiver {
  readonly kind = 'dial'
  readonly channel: Channel
  readonly #options: ConnectionOptions
  #events: ConnectionEvents | undefined
  #id = 0
  #state: 'opening' | 'open' | 'closed' = 'opening'
  #keys: SessionKeys | undefined
  #encryptor: Encryptor | undefined
  #decryptor: Decryptor | undefined
  /** Flags of our next message: what we can take is said once (protocol section 4.5). */
  #announce = DataFlag.Multipart | halfCloseFlag
  #peerFlags = 0
  #heard = false
  #cancelSilence: Cancel = () => {}
  /** What the flow sent before the connection was open. Bounded by the flow: two chunks. */
  #early: { body: Uint8Array; flags: number }[] = []
  #lastPosition = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.channel = options.channel
  }

  get id(): number {
    return this.#id
  }

  get state(): 'opening' | 'open' | 'closed' {
    return this.#state
  }

  get encrypted(): boolean {
    return this.#keys !== undefined
  }

  /** The peer takes multipart messages and cares for boundaries. */
  get peerTakesMultipart(): boolean {
    return (this.#peerFlags & (DataFlag.Multipart | DataFlag.Stream)) === DataFlag.Multipart
  }

  /** A peer that always says FIN: its StateClosed without one is a reset, or the death of its program. */
  get peerHalfCloses(): boolean {
    return (this.#peerFlags & halfCloseFlag) !== 0
  }

  /** Unsent bytes of the channel up to our last frame. */
  get unsentBytes(): number {
    return Math.max(0, this.#lastPosition - this.channel.writer.writtenPosition)
  }

  /** Takes an id of ours. Before Connect is sent, as data may come right behind the reply (protocol section 4.1). */
  allocate(): number {
    this.#id = this.channel.connections.allocate(this)
    return this.#id
  }

  /** Takes the id that the router chose. */
  claim(id: number): boolean {
    this.#id = id
    return this.channel.connections.claim(id, this)
  }

  listen(events: ConnectionEvents): void {
    this.#events = events
  }

  /** The far end has agreed: sends the stream header (protocol section 4.6) and what had to wait. */
  start(keys?: SessionKeys): void {
    if (this.#state !== 'opening') return
    this.#state = 'open'
    this.#keys = keys
    if (keys) {
      const encryptor = this.#options.crypto.encryptor(keys.transmit)
      this.#write(encryptor.header, 0)
      this.#encryptor = encryptor
    }
    const early = this.#early
    this.#early = []
    for (const { body, flags } of early) this.send(body, flags)
    // Who had to wait for this may go on.
    this.channel.awaitDrain(this)
  }

  /** Fails it with `error` unless something comes within `limit`. */
  expectWithin(clock: Clock, limit: Milliseconds, error: CodedError): void {
    if (this.#heard || this.#state === 'closed') return
    this.#cancelSilence = clock.after(limit, () => this.fail(error))
  }

  /** Sends one flow chunk, in as many messages as it needs. Consumes `plain` before it returns. */
  send(plain: Uint8Array, flags = 0): void {
    if (this.#state === 'opening') return void this.#early.push({ body: copyBytes(plain), flags })
    if (plain.length <= messageBytes) return this.#write(plain, flags)
    for (let at = 0; at < plain.length; at += messageBytes) this.#write(plain.subarray(at, at + messageBytes), flags)
  }

  /** Sends exactly one message, whatever its size. */
  sendMessage(plain: Uint8Array, flags = 0): void {
    this.#write(plain, flags)
  }

  fin(): void {
    this.send(none, DataFlag.Fin)
  }

  /** Ends both directions and gives everything back. Only once, whoever wanted it. */
  close(reason: string): void {
    if (this.#state === 'closed') return
    this.channel.sendClosed(this.#id, reason)
    this.#finish()
  }

  /** As `close`; a far end of our kind learns that this was no orderly end. */
  reset(reason: string): void {
    if (this.#state === 'open' && this.#announce !== 0) this.#write(none, 0)
    this.close(reason)
  }

  /** Gives the id back without a word: the far end never agreed, or has gone. */
  abandon(): void {
    this.#finish()
  }

  /** Ends it from our side with an error that the flow is told. */
  fail(error: CodedError): void {
    if (this.#state === 'closed') return
    this.close(error.code)
    this.#events?.failed(error)
  }

  /** As `fail`, for a connection that the router never knew. */
  failUnsent(error: CodedError): void {
    this.#state = 'closed'
    this.#events?.failed(error)
  }

  receive(frame: Frame): void {
    this.#heard = true
    this.#cancelSilence()
    if (frame.contentType === ContentType.Data) return this.#data(frame)
    if (frame.contentType !== ContentType.StateClosed) return
    this.#finish()
    this.#events?.peerClosed(parseReason(frame.body))
  }

  drained(): void {
    this.#events?.drained()
  }

  channelLost(cause: CodedError): void {
    if (this.#state === 'closed') return
    this.#finish()
    if (cause.code === 'overlay.closed') this.#events?.failed(cause)
    else this.#events?.failed(new CodedError('circuit.channel-lost', `the connection to router ${this.channel.url} ended: ${cause.message}`, { cause }))
  }

  inspect(): string {
    return JSON.stringify({ id: this.#id, state: this.#state, encrypted: this.encrypted, unsentBytes: this.unsentBytes })
  }

  #write(plain: Uint8Array, messageFlags: number): void {
    if (this.#state === 'closed' || this.channel.closed) return
    const flags = messageFlags | this.#announce
    this.#announce = 0
    if (this.#encryptor === undefined || (plain.length === 0 && (messageFlags & DataFlag.Fin) !== 0)) {
      this.channel.data(this.#id, flags, plain.length).set(plain)
    } else {
      this.#encryptor.push(plain, this.channel.data(this.#id, flags, plain.length + cipherOverheadBytes))
    }
    this.#lastPosition = this.channel.writer.position
  }

  #data(frame: Frame): void {
    if (this.#state !== 'open') return
    const flags = uint32Header(frame.headers, HeaderId.Flags) ?? 0
    this.#peerFlags |= flags
    if (this.#keys) this.#encryptedBody(frame.body, flags, this.#keys)
    else if (frame.body.length > 0 || (flags & DataFlag.Fin) === 0) this.#deliver(frame.body, flags)
    if ((flags & DataFlag.Fin) !== 0 && this.#isOpen()) this.#events?.fin()
  }

  #isOpen(): boolean {
    return this.#state === 'open'
  }

  #encryptedBody(body: Uint8Array, flags: number, keys: SessionKeys): void {
    if (body.length === 0) return
    if (this.#decryptor === undefined) {
      // The C SDK may put the header and the first message in one body.
      this.#decryptor = this.#options.crypto.decryptor(keys.receive, body.slice(0, streamHeaderBytes))
      if (this.#decryptor === undefined) return this.#undecipherable()
      if (body.length > streamHeaderBytes) this.#decrypt(this.#decryptor, body.subarray(streamHeaderBytes), flags)
      return
    }
    this.#decrypt(this.#decryptor, body, flags)
  }

  #decrypt(decryptor: Decryptor, body: Uint8Array, flags: number): void {
    if (body.length < cipherOverheadBytes) return this.#undecipherable()
    const plain = this.#options.slabs.take(body.length - cipherOverheadBytes)
    if (!decryptor.pull(body, plain)) return this.#undecipherable()
    this.#lend(plain, flags)
  }

  /** The frame's slab goes back to the reader, but a flow may keep its chunk: so it gets a place of its own. */
  #deliver(body: Uint8Array, flags: number): void {
    const plain = this.#options.slabs.take(body.length)
    plain.set(body)
    this.#lend(plain, flags)
  }

  #lend(plain: Uint8Array, flags: number): void {
    this.#options.slabs.lend(plain, (chunk, hold) => this.#events?.message(chunk, flags, hold))
  }

  #undecipherable(): void {
    this.#options.channel.stats.undecipherable += 1
    this.fail(new CodedError('circuit.decrypt', 'a message could not be decrypted: it was damaged, or is of another key'))
  }

  #finish(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#cancelSilence()
    this.#early = []
    this.#encryptor?.free()
    this.#decryptor?.free()
    this.#encryptor = undefined
    this.#decryptor = undefined
    this.channel.release(this.#id, this)
  }
}
