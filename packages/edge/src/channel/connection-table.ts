import type { CodedError } from '@tunnel/flow'
import type { Frame } from '../wire.ts'

/** What has a connection id on a channel: a circuit or a bind. */
export interface ChannelReceiver {
  readonly kind: 'dial' | 'bind'
  /** A frame with our connection id that is no reply. Borrowed. */
  receive(frame: Frame): void
  /** `send` may go on: the channel has room again. */
  drained(): void
  /** The channel is gone. The last call. */
  channelLost(error: CodedError): void
  /** Body of the answer to ConnInspect. */
  inspect(): string
}

/** Ours are 1 to 2^31 - 2, the router's 2^31 and above (protocol section 4.1). */
const lastOwnId = 2 ** 31 - 2
const rememberedIds = 1024

/** Connection ids of one channel and who they belong to. */
export class ConnectionTable {
  readonly #receivers = new Map<number, ChannelReceiver>()
  readonly #former = new Set<number>()
  #next = 1

  get size(): number {
    return this.#receivers.size
  }

  /** A free id of ours, taken for `receiver`. */
  allocate(receiver: ChannelReceiver): number {
    while (this.#receivers.has(this.#next)) this.#advance()
    const id = this.#next
    this.#advance()
    this.#receivers.set(id, receiver)
    this.#former.delete(id)
    return id
  }

  /** Takes an id that the router chose. False: it is in use. */
  claim(id: number, receiver: ChannelReceiver): boolean {
    if (this.#receivers.has(id)) return false
    this.#receivers.set(id, receiver)
    this.#former.delete(id)
    return true
  }

  get(id: number): ChannelReceiver | undefined {
    return this.#receivers.get(id)
  }

  release(id: number): void {
    if (!this.#receivers.delete(id)) return
    this.#former.add(id)
    for (const oldest of this.#former) {
      if (this.#former.size <= rememberedIds) break
      this.#former.delete(oldest)
    }
  }

  /** True for an id that was in use not long ago: what still comes for it was on its way. */
  isFormer(id: number): boolean {
    return this.#former.has(id)
  }

  /** Empties the table. */
  takeAll(): ChannelReceiver[] {
    const all = [...this.#receivers.values()]
    this.#receivers.clear()
    return all
  }

  #advance(): void {
    this.#next = this.#next >= lastOwnId ? 1 : this.#next + 1
  }
}
