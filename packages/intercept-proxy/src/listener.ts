import { formatEndpoint, type Endpoint, type Protocol } from '@tunnel/flow'

/** A wanted listener with its address found. */
export interface ListenerSpec extends Endpoint {
  readonly service: string
  readonly protocol: Protocol
}

/** One open socket that takes connections, or first datagrams, for one service. */
export interface Listener {
  /** Whose it is now; a change counts for new requests. */
  service: string
  readonly protocol: Protocol
  /** False after the system has taken it away; it must be opened anew. */
  readonly open: boolean
  /** Takes no more requests; what was accepted lives on. */
  stop(): void
}

/** What of a listener the system keeps apart: the service is ours to change. */
export function listenerKey(spec: ListenerSpec): string {
  return `${spec.protocol} ${formatEndpoint(spec)}`
}
