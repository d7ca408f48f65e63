import type { Endpoint } from '@tunnel/flow'
import type { RawPeer } from './raw-peer.ts'

/** How a connection of the device under test ended, other than in order. */
export type SocketFailure = 'reset' | 'refused' | 'timeout' | 'unreachable' | 'other'

/** What a case needs of its device, beside the defaults. */
export interface DeviceOptions {
  /** The kernel doubles what it is told, for its own book-keeping, and the window is about a half of that: near enough. */
  readonly receiveBufferBytes?: number
  /** TCP_USER_TIMEOUT. */
  readonly userTimeout?: number
  /** Nagle's algorithm. Default false. */
  readonly nagle?: boolean
  /** How long FIN-WAIT-2 may last once nobody holds the socket. */
  readonly orphanTimeout?: number
  /** Connections of one listener that nobody has accepted; half-open ones where `asks` is not set. */
  readonly backlog?: number
  /** Our listener asks the program about each SYN, as an interceptor does. */
  readonly asks?: boolean
}

/** TCP_INFO, as far as both have it. */
export interface DeviceInfo {
  readonly established: boolean
  /** The retransmission timer has expired, and what was in flight then has not arrived. */
  readonly inLoss: boolean
  readonly retransmissionTimeout: number
  readonly roundTripMeasured: boolean
  /** Of congestion control. */
  readonly windowSegments: number
}

/** A TCP socket of the device under test. */
export interface DeviceSocket {
  readonly opened: boolean
  readonly failure: SocketFailure | undefined
  /** All that has been read. */
  readonly heard: string
  /** The peer's end has been read. */
  readonly ended: boolean
  info(): DeviceInfo
  send(data: string): void
  /** Reads what has come into `heard`. Before, and afterwards, nothing is read. */
  read(): Promise<void>
  /** FIN, and no more. */
  shutdown(): void
  /** Nobody holds it any more: in order, if nothing was unread. */
  close(): void
  /** RST. */
  abort(): void
}

export interface DeviceListener {
  /** The next connection whose handshake is done; undefined if there is none. */
  accept(): DeviceSocket | undefined
  close(): void
}

export interface DeviceDatagrams {
  readonly heard: readonly { readonly data: Uint8Array; readonly from: Endpoint }[]
  /** An ICMP error that was about it. */
  readonly failure: SocketFailure | undefined
  send(data: Uint8Array, to: Endpoint): void
  read(): Promise<void>
  close(): void
}

/** The stack on trial: ours, or the kernel of a namespace. */
export interface Device {
  readonly v4: string
  readonly v6: string
  listen(port: number): DeviceListener
  /** Throws where it cannot even begin. */
  connect(to: Endpoint, fromPort?: number): DeviceSocket
  bind(port: number): DeviceDatagrams
  /** A socket that sends to one endpoint only, and hears only of it. */
  connectDatagrams(to: Endpoint): DeviceDatagrams
}

/** A device, a raw peer at the other end of its wire, and a time that both share. */
export interface Lab {
  readonly kind: 'stack' | 'kernel'
  readonly device: Device
  readonly peer: RawPeer
  /** Of the device, and no other lab's: 20 from here on are free. */
  readonly port: number
  readonly now: number
  passes(span: number): Promise<void>
  /** Until something may have happened, and for at most `span`; with 0 until what happens by itself has happened. */
  waits(span: number): Promise<void>
  close(): Promise<void>
}

/** Waits until `ready` gives something, for at most `within` milliseconds. */
export async function until<T>(lab: Pick<Lab, 'waits' | 'now'>, ready: () => T | undefined | false, within = 2_000): Promise<T | undefined> {
  const end = lab.now + within
  for (;;) {
    await lab.waits(0)
    const result = ready()
    if (result !== undefined && result !== false) return result
    if (lab.now >= end) return undefined
    await lab.waits(end - lab.now)
  }
}

/** Waits for a connection of a listener. */
export async function accepted(lab: Lab, listener: DeviceListener): Promise<DeviceSocket> {
  const socket = await until(lab, () => listener.accept())
  if (!socket) throw new Error('no connection was made')
  return socket
}

/** What must be there. */
export function present<T>(value: T | undefined, what = 'what was expected'): T {
  if (value === undefined) throw new Error(`${what} is not there`)
  return value
}
