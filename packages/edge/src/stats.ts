import type { Milliseconds } from '@tunnel/flow'
import type { ServiceBinding } from './bind/service-binding.ts'
import type { Channel, ChannelStats } from './channel/channel.ts'

export interface ChannelReport extends ChannelStats {
  readonly router: string
  readonly latency: Milliseconds
  /** Circuits and binds. */
  readonly connections: number
  readonly unsentBytes: number
  /** A circuit whose reader does not read holds the whole channel. */
  readonly readingPaused: boolean
}

export interface OverlayStats {
  readonly channels: readonly ChannelReport[]
  readonly bindings: readonly { readonly service: string; readonly established: number }[]
}

export function overlayStats(channels: readonly Channel[], bindings: readonly ServiceBinding[]): OverlayStats {
  return {
    channels: channels.map((channel) => ({
      ...channel.stats,
      router: channel.url,
      latency: channel.latency,
      connections: channel.connections.size,
      unsentBytes: channel.unsentBytes,
      readingPaused: channel.readingPaused,
    })),
    bindings: bindings.map(({ service, established }) => ({ service: service.name, established })),
  }
}
