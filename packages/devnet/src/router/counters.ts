import type { FrameRefusal } from '@tunnel/edge/wire'

export type ChannelCloseReason =
  | FrameRefusal
  | 'hello-timeout'
  | 'hello-expected'
  | 'group-unknown'
  | 'token-unknown'
  | 'token-foreign'
  | 'token-expired'
  | 'token-update-refused'
  | 'session-ended'
  | 'peer-closed'
  | 'socket-error'
  | 'dropped'
  | 'stopped'
  | 'killed'

/** Frames that had no effect, by why. */
export type IgnoredReason =
  | 'unsupported'
  | 'no-connection-id'
  | 'unknown-connection'
  | 'not-connected'
  | 'unmatched-reply'
  | 'after-refused-token'
  | 'wrong-token'
  | 'hello-token-expired'
  | 'fault'

export interface RouterStats {
  readonly channels: number
  /** Circuits that begin here. */
  readonly circuits: number
  readonly binds: number
  /** Channels that are not read because a receiver of theirs does not take its data. */
  readonly blockedChannels: number
  /** Bytes that came in here and wait for room at the other end of their circuit. */
  readonly bufferedBytes: number
  readonly peakBufferedBytes: number
  readonly bytesIn: number
  readonly framesIn: number
  readonly tlsFailures: number
  readonly healthEvents: number
  readonly postureResponses: number
  /** Closed channels by reason. */
  readonly closed: Readonly<Partial<Record<ChannelCloseReason, number>>>
  readonly ignored: Readonly<Partial<Record<IgnoredReason, number>>>
}

/** What a router counts. One for each router; its channels write into it. */
export class Counters {
  circuits = 0
  binds = 0
  blockedChannels = 0
  bytesIn = 0
  framesIn = 0
  tlsFailures = 0
  healthEvents = 0
  postureResponses = 0
  #bufferedBytes = 0
  #peakBufferedBytes = 0
  readonly #closed: Partial<Record<ChannelCloseReason, number>> = {}
  readonly #ignored: Partial<Record<IgnoredReason, number>> = {}

  buffered(bytes: number): void {
    this.#bufferedBytes += bytes
    if (this.#bufferedBytes > this.#peakBufferedBytes) this.#peakBufferedBytes = this.#bufferedBytes
  }

  closed(reason: ChannelCloseReason): void {
    this.#closed[reason] = (this.#closed[reason] ?? 0) + 1
  }

  ignored(reason: IgnoredReason): void {
    this.#ignored[reason] = (this.#ignored[reason] ?? 0) + 1
  }

  stats(channels: number): RouterStats {
    return {
      channels,
      circuits: this.circuits,
      binds: this.binds,
      blockedChannels: this.blockedChannels,
      bufferedBytes: this.#bufferedBytes,
      peakBufferedBytes: this.#peakBufferedBytes,
      bytesIn: this.bytesIn,
      framesIn: this.framesIn,
      tlsFailures: this.tlsFailures,
      healthEvents: this.healthEvents,
      postureResponses: this.postureResponses,
      closed: { ...this.#closed },
      ignored: { ...this.#ignored },
    }
  }
}
