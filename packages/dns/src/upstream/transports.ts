import type { Duplex } from 'node:stream'
import type { Endpoint } from '@tunnel/flow'
import type { DatagramPort } from '../server/datagram-port.ts'

/** How upstreams are reached. By default Node's own sockets; a program may give marked ones, and a test none at all. */
export interface UpstreamTransports {
  /**
   * A UDP socket to ask `to` from. `at` is any address of its family, and port 0: the port must be one that cannot be
   * foretold (RFC 5452 9.2). A socket that is connected to `to` may tell that nobody is there by `failed`.
   */
  readonly openUdp: (at: Endpoint, to: Endpoint, failed: (error: Error) => void) => DatagramPort | Promise<DatagramPort>
  readonly connectTcp: (to: Endpoint, options: { readonly signal: AbortSignal }) => Promise<Duplex>
  /** A TLS connection whose certificate is right for `serverName`, else for the address. By default over `connectTcp`. */
  readonly connectTls: (to: Endpoint, options: { readonly signal: AbortSignal; readonly serverName?: string | undefined }) => Promise<Duplex>
}
