import type { Endpoint } from '@tunnel/flow'

/** A datagram as it came in. `data` (and the object itself) is borrowed: valid until the callback returns. */
export interface Datagram {
  readonly data: Uint8Array
  readonly from: Endpoint
}

/** A bound UDP socket as the server wants it: batches in, datagrams out. `node:dgram` by default; a faster one may be given. */
export interface DatagramPort {
  readonly local: Endpoint
  start(receive: (batch: readonly Datagram[]) => void): void
  /** Takes a copy. False: no room, dropped. */
  send(data: Uint8Array, to: Endpoint): boolean
  close(): void
}

/** Binds a UDP socket. Rejects or throws with the system's error. Port 0: any free one. */
export type OpenDatagramPort = (at: Endpoint) => DatagramPort | Promise<DatagramPort>
