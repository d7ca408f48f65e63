import type { Milliseconds } from '@tunnel/flow'
import { noTcpOptions, type TcpOptions } from '../wire/tcp-options.ts'
import { Cubic } from './congestion/cubic.ts'
import type { EcnMode } from './ecn.ts'
import type { CreateCongestionControl } from './congestion/congestion-control.ts'

export interface KeepAlive {
  /** Silence before the first probe. */
  readonly idle: Milliseconds
  readonly interval: Milliseconds
  /** Unanswered probes that end the connection. */
  readonly probes: number
}

export interface TcpSettings {
  /** Receive buffer of a connection: at first, and the most that it may grow to. */
  readonly receiveBufferBytes: number
  readonly largestReceiveBufferBytes: number
  /** Sent and not acknowledged, at most. */
  readonly flightLimitBytes: number
  /** What `send` of a flow takes before it says false, beyond what is in flight. */
  readonly sendLimitBytes: number
  readonly createCongestion: CreateCongestionControl
  /** Holds small segments back while others are in flight (RFC 9293 3.7.4). */
  readonly nagle: boolean
  /** Asks a silent peer; what is not given is two hours of silence, 75 seconds, nine probes. Default: does not. */
  readonly keepAlive: Partial<KeepAlive> | undefined
  /** Congestion is told by marks instead of losses, where both ends and the path can (RFC 3168). */
  readonly ecn: EcnMode
  /** TTL or hop limit, and the byte whose high six bits are the DSCP. */
  readonly hopLimit: number
  readonly trafficClass: number
  /** 2 MSL (RFC 9293 3.4.2), by default as short as Linux has it. */
  readonly timeWait: Milliseconds
  /** A peer that answers nothing for so long is given up (RFC 9293 3.8.3: at least 100 seconds, SYN at least three minutes). */
  readonly giveUpAfter: Milliseconds
  readonly giveUpConnectAfter: Milliseconds
  /** Options that are offered and taken (RFC 7323, RFC 2018). */
  readonly windowScaling: boolean
  readonly timestamps: boolean
  readonly sack: boolean
}

export const defaultTcpSettings: TcpSettings = {
  receiveBufferBytes: 128 * 1024,
  largestReceiveBufferBytes: 6 * 1024 * 1024,
  flightLimitBytes: 6 * 1024 * 1024,
  sendLimitBytes: 256 * 1024,
  createCongestion: (mssBytes) => new Cubic(mssBytes),
  nagle: false,
  keepAlive: undefined,
  ecn: 'answer',
  hopLimit: 64,
  trafficClass: 0,
  timeWait: 60_000,
  giveUpAfter: 300_000,
  giveUpConnectAfter: 180_000,
  windowScaling: true,
  timestamps: true,
  sack: true,
}

/** The defaults where nothing else is given. */
export function tcpSettings(given: Partial<TcpSettings> = {}): TcpSettings {
  const known = Object.keys(defaultTcpSettings) as (keyof TcpSettings)[]
  return { ...defaultTcpSettings, ...Object.fromEntries(known.filter((key) => given[key] !== undefined).map((key) => [key, given[key]])) }
}

/** A buffer for some of the largest segments, whatever their size. */
export function receiveBufferOf(settings: TcpSettings, mss: number): { initialBytes: number; mostBytes: number } {
  const most = settings.largestReceiveBufferBytes
  return { initialBytes: Math.min(most, Math.max(settings.receiveBufferBytes, 4 * mss)), mostBytes: most }
}

/** The options of our SYN; in answer to `peer`'s without the members that it has not offered. */
export function synOffer({ windowScaling, timestamps, sack }: TcpSettings, mss: number, shift: number, peer: TcpOptions | undefined): TcpOptions {
  return {
    mss,
    windowScale: windowScaling && (!peer || peer.windowScale !== undefined) ? shift : undefined,
    sackPermitted: sack && (!peer || peer.sackPermitted),
    sack: noTcpOptions.sack,
    timestamp: timestamps && (!peer || peer.timestamp) ? { value: 0, echo: 0 } : undefined,
  }
}
