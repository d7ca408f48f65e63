import type { Milliseconds } from '@tunnel/flow'
import type { SegmentHeader } from '../wire/tcp-segment.ts'
import type { BlockPool } from './buffer/block-pool.ts'
import type { Seq } from './seq.ts'
import type { TcpSettings } from './tcp-settings.ts'

/** Takes one segment: its header and its data, gathered. `capable`: it may be marked instead of dropped (RFC 3168). False: none is taken now. */
export type EmitSegment = (header: SegmentHeader, parts: readonly Uint8Array[], payloadBytes: number, capable: boolean) => boolean

export interface TcpConnectionOptions {
  readonly localPort: number
  readonly remotePort: number
  /** ISS and the origin of timestamps: unpredictable (RFC 9293 3.4.1, RFC 7323 7). */
  readonly initialSequence: Seq
  readonly timestampOffset: number
  /** Data that fits into a packet of the path, without options: what we offer, and what we send at most. */
  readonly mss: number
  /** Data of the largest segment that the device takes and cuts itself; 0 if it cuts none. */
  readonly offloadBytes: number
  /** What a peer takes that names no size (RFC 9293 3.7.1). */
  readonly defaultPeerMss?: number
  readonly pool: BlockPool
  readonly settings: TcpSettings
  readonly now: Milliseconds
}

/** What a program may change while a connection lives. */
export interface TcpTunables {
  /** RFC 9293 3.7.4. */
  nagle: boolean
  /** R2 of RFC 9293 3.8.3 (MUST-21). */
  giveUpAfter: Milliseconds
}
