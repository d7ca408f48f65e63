import type { DatagramPort } from '@tunnel/dns'
import type { Endpoint, Flow } from '@tunnel/flow'

/** Ports at addresses inside a tunnel: they take none of this host. */
export interface InsidePorts {
  openUdp(at: Endpoint): Promise<DatagramPort>
  listen(at: Endpoint, onFlow: (flow: Flow) => void): Promise<{ close(): void }>
}
