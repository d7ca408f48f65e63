import type { NetstackOptions } from '@tunnel/netstack'
import { ScriptError } from '../script-error.ts'
import type { CallEvent, CommandEvent, Script } from '../script.ts'
import { Arguments } from './arguments.ts'

type TcpOptions = NonNullable<NetstackOptions['tcp']>
type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What a script asks of the stack that it drives. */
export interface StackSettings {
  readonly mtu: number
  readonly tcp: TcpOptions
}

/** Options of sockets that are the whole stack's with us, wherever in the script they are set. */
export const stackOptions: readonly string[] = ['TCP_NODELAY', 'TCP_MAXSEG', 'TCP_USER_TIMEOUT', 'SO_RCVBUF', 'SO_KEEPALIVE', 'TCP_KEEPIDLE', 'TCP_KEEPINTVL', 'TCP_KEEPCNT']
/** Options that change nothing that a peer sees. */
export const ignoredOptions: readonly string[] = ['SO_REUSEADDR', 'SO_SNDBUF', 'TCP_QUICKACK']
/** Settings of the system that are understood, and those that are taken only as we have them anyway. */
const fixedSettings: Readonly<Record<string, string>> = { 'net.ipv4.tcp_ecn': '0', 'net.ipv4.tcp_dsack': '1', 'net.ipv4.tcp_slow_start_after_idle': '1' }

interface Draft {
  readonly tcp: Writable<TcpOptions>
  mtu: number
  keepAlive: boolean
  idle: number
  interval: number
  probes: number
}

/** Reads the whole script for what has to be known before the stack is made. */
export function stackSettings(script: Script, version: 4 | 6): StackSettings {
  const headers = version === 4 ? 40 : 60
  const mtu = script.options.get('mtu')
  // A socket's Nagle is on until the script turns it off; that of a stack for proxies is off.
  const draft: Draft = { tcp: { nagle: true }, mtu: mtu ? Number(mtu.value) : 1460 + headers, keepAlive: false, idle: 7_200_000, interval: 75_000, probes: 9 }
  for (const event of script.events) {
    if (event.type === 'command') for (const line of event.text.split(/[\n;]/)) applyCommand(script, event, line.trim(), draft)
    if (event.type === 'call' && event.name === 'setsockopt') applyOption(event, draft, headers)
  }
  const { keepAlive, idle, interval, probes } = draft
  if (keepAlive) draft.tcp.keepAlive = { idle, interval, probes }
  return { mtu: draft.mtu, tcp: draft.tcp }
}

function applyOption(call: CallEvent, draft: Draft, headers: number): void {
  const values = new Arguments(call)
  const name = values.word(2)
  if (!stackOptions.includes(name)) return
  const value = values.numberInList(3)
  const { tcp } = draft
  if (name === 'TCP_NODELAY') tcp.nagle = value === 0
  else if (name === 'TCP_MAXSEG') draft.mtu = value + headers
  else if (name === 'TCP_USER_TIMEOUT') tcp.giveUpAfter = value
  else if (name === 'SO_RCVBUF') tcp.receiveBufferBytes = tcp.largestReceiveBufferBytes = value
  else if (name === 'SO_KEEPALIVE') draft.keepAlive = value !== 0
  else if (name === 'TCP_KEEPIDLE') draft.idle = value * 1_000
  else if (name === 'TCP_KEEPINTVL') draft.interval = value * 1_000
  else draft.probes = value
}

function applyCommand(script: Script, event: CommandEvent, line: string, draft: Draft): void {
  if (line === '') return
  const [, name = '', text = ''] = /^sysctl -qw? ([a-z0-9_.]+)="?([^"]*)"?$/.exec(line) ?? []
  const { tcp } = draft
  const value = Number(text)
  if (name === 'net.ipv4.tcp_sack') tcp.sack = value !== 0
  else if (name === 'net.ipv4.tcp_timestamps') tcp.timestamps = value !== 0
  else if (name === 'net.ipv4.tcp_window_scaling') tcp.windowScaling = value !== 0
  else if (name === 'net.ipv4.tcp_keepalive_time') draft.idle = value * 1_000
  else if (name === 'net.ipv4.tcp_keepalive_intvl') draft.interval = value * 1_000
  else if (name === 'net.ipv4.tcp_keepalive_probes') draft.probes = value
  else if (fixedSettings[name] !== text) throw new ScriptError(script.file, event.line, `the command "${line}" is not supported`)
}
