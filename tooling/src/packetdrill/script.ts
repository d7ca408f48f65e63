import type { Milliseconds } from '@tunnel/flow'

/** A script in the packetdrill language, as it was read: what happens, in order, and what must be seen. */
export interface Script {
  readonly file: string
  /** `--name=value` lines at its head. */
  readonly options: ReadonlyMap<string, ScriptOption>
  readonly events: readonly ScriptEvent[]
}

export interface ScriptOption {
  readonly value: string
  readonly line: number
}

/** When an event happens: from the beginning, or from the event before; `any` asks for nothing. */
export interface EventTime {
  readonly origin: 'start' | 'previous' | 'any'
  readonly from: Milliseconds
  /** Differs from `from` in a range. */
  readonly to: Milliseconds
  /** When a blocking call returns; undefined for calls that return at once. */
  readonly returns: Milliseconds | undefined
}

interface Placed {
  readonly line: number
  readonly time: EventTime
}

export interface PacketEvent extends Placed {
  readonly type: 'packet'
  /** `in`: the script sends it to the stack. `out`: the stack must send it. */
  readonly direction: 'in' | 'out'
  readonly packet: ScriptPacket
}

export interface CallEvent extends Placed {
  readonly type: 'call'
  readonly name: string
  readonly values: readonly Value[]
  /** Undefined for `= ?`. */
  readonly result: number | undefined
  readonly errno: string | undefined
}

/** A `%{ ... }%`: facts of the connection that must hold. */
export interface FactsEvent extends Placed {
  readonly type: 'facts'
  readonly text: string
}

/** A command in backquotes, of which settings of the system are understood. */
export interface CommandEvent extends Placed {
  readonly type: 'command'
  readonly text: string
}

export type ScriptEvent = PacketEvent | CallEvent | FactsEvent | CommandEvent

export type ScriptPacket = ScriptSegment | ScriptIcmp | ScriptDatagram

export interface Ports {
  readonly source: number
  readonly destination: number
}

export interface ScriptSegment {
  readonly protocol: 'tcp'
  readonly ports: Ports | undefined
  /** Of `SFRP.UEW`, in any order; `.` is ACK. */
  readonly flags: string
  readonly seq: number
  readonly length: number
  readonly ack: number | undefined
  /** As in the header; undefined if it is not looked at. */
  readonly window: number | undefined
  readonly urgent: number | undefined
  /** `any` for `<...>`. */
  readonly options: readonly ScriptTcpOption[] | 'any'
}

export type ScriptTcpOption =
  | { readonly kind: 'nop' | 'eol' | 'sackOK' }
  | { readonly kind: 'mss' | 'wscale'; readonly value: number }
  | { readonly kind: 'TS'; readonly value: number; readonly echo: number }
  | { readonly kind: 'sack'; readonly blocks: readonly (readonly [number, number])[] }

export interface ScriptIcmp {
  readonly protocol: 'icmp'
  readonly type: string
  readonly code: string | undefined
  readonly mtu: number | undefined
  /** Of ours: the segment that it complains about. */
  readonly quoted: { readonly seq: number; readonly length: number }
}

export interface ScriptDatagram {
  readonly protocol: 'udp'
  readonly ports: Ports | undefined
  readonly length: number
}

/** An argument of a call. */
export type Value =
  | { readonly kind: 'any' }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'record'; readonly members: ReadonlyMap<string, Value> }
