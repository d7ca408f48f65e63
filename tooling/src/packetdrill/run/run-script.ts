import { createNetstack, createSeededRandom, tcpInfo, type Netstack } from '@tunnel/netstack'
import { ScriptError } from '../script-error.ts'
import type { CallEvent, FactsEvent, PacketEvent, Script, ScriptEvent, ScriptSegment } from '../script.ts'
import type { WireSegment } from '../wire/tcp.ts'
import { Calls } from './calls.ts'
import { differences } from './differences.ts'
import { dueTime, dueWords, inTime, secondsWords, type Due } from './expectation.ts'
import { failedFacts } from './facts.ts'
import { packetWords, segmentWords } from './segment-words.ts'
import type { Attempt, Outcome } from './socket.ts'
import { stackSettings } from './stack-settings.ts'
import { StepClock } from './step-clock.ts'
import { TapDevice, type SentPacket } from './tap-device.ts'
import { tcpFacts } from './tcp-facts.ts'
import { addresses, servicePort, WirePeer, type Received } from './wire-peer.ts'

/** A packet "at any time" is waited for so long. */
const mostPatience = 3_600_000
const knownOptions: readonly string[] = ['mtu', 'tolerance_usecs', 'ip_version', 'tcp_ts_tick_usecs']

interface Pending {
  readonly call: CallEvent
  readonly attempt: Attempt
  readonly due: Due
}

/** The versions that a script is for: that of its `--ip_version`, else both. */
export function versionsOf(script: Script): readonly (4 | 6)[] {
  const option = script.options.get('ip_version')
  if (!option) return [4, 6]
  if (option.value === 'ipv4') return [4]
  if (option.value === 'ipv6') return [6]
  throw new ScriptError(script.file, option.line, `--ip_version=${option.value}: ipv4 or ipv6`)
}

/** Runs a script against a stack of its own, in virtual time. Rejects with `ScriptError` at the first thing that is not as the script says. */
export async function runScript(script: Script, version: 4 | 6): Promise<void> {
  for (const [name, { line }] of script.options) if (!knownOptions.includes(name)) throw new ScriptError(script.file, line, `the option --${name} is not supported`)
  const run = new Run(script, version)
  try {
    await run.all()
  } finally {
    await run.close()
  }
}

class Run {
  readonly #script: Script
  readonly #clock = new StepClock()
  readonly #device: TapDevice
  readonly #stack: Netstack
  readonly #calls: Calls
  readonly #peer: WirePeer
  readonly #leastTolerance: number | undefined
  readonly #stampTick: number
  /** When the event before happened. */
  #previous = 0
  #pending: Pending | undefined

  constructor(script: Script, version: 4 | 6) {
    const { mtu, tcp } = stackSettings(script, version)
    const { local, remote } = addresses[version]
    this.#script = script
    this.#device = new TapDevice(mtu, this.#clock)
    this.#stack = createNetstack({ device: this.#device, addresses: [local], clock: this.#clock, random: createSeededRandom(1), tcp })
    this.#calls = new Calls({ stack: this.#stack, clock: this.#clock, remote, port: servicePort })
    this.#peer = new WirePeer(version)
    const tolerance = script.options.get('tolerance_usecs')
    this.#leastTolerance = tolerance && Number(tolerance.value) / 1_000
    this.#stampTick = Number(script.options.get('tcp_ts_tick_usecs')?.value ?? 0) / 1_000
  }

  async all(): Promise<void> {
    for (const event of this.#script.events) {
      await this.#event(event)
      await this.#settle()
      this.#previous = this.#clock.now()
    }
    if (this.#pending) await this.#awaitPending(this.#pending)
    const [left] = this.#device.sent
    if (left) this.#fail(this.#script.events.at(-1)?.line ?? 1, `the script is over, but the stack sent ${this.#describe(left)}`)
  }

  async close(): Promise<void> {
    await this.#stack.close()
  }

  async #event(event: ScriptEvent): Promise<void> {
    // Settings were read before the stack was made.
    if (event.type === 'command') return
    const due = dueTime(event.time, this.#previous, this.#leastTolerance)
    if (event.type === 'packet' && event.direction === 'out') return this.#expect(event, due)
    if (Number.isFinite(due.from)) {
      await this.#advance(due.from)
      if (!inTime(due, this.#clock.now())) this.#fail(event.line, `due at ${dueWords(due)}, but it is ${secondsWords(this.#clock.now())} already`)
    }
    if (event.type === 'packet') this.#inject(event)
    else if (event.type === 'call') await this.#call(event)
    else this.#check(event)
  }

  #inject({ packet, line }: PacketEvent): void {
    if (packet.protocol === 'udp') this.#fail(line, 'packets of UDP are not supported')
    const bytes = packet.protocol === 'tcp' ? this.#peer.encode(packet) : this.#peer.encodeIcmp(packet)
    if (typeof bytes === 'string') this.#fail(line, bytes)
    this.#device.inject(bytes)
  }

  #check({ text, line }: FactsEvent): void {
    const info = this.#calls.latest && tcpInfo(this.#calls.latest)
    if (!info) this.#fail(line, 'there are no facts before there is a connection')
    const failures = this.#inWords(line, () => failedFacts(text, tcpFacts(info)))
    if (failures.length > 0) this.#fail(line, failures.join('\n  '))
  }

  async #call(event: CallEvent): Promise<void> {
    if (this.#pending) await this.#awaitPending(this.#pending)
    const { attempt, blocks } = this.#inWords(event.line, () => this.#calls.start(event))
    if (event.name === 'listen') this.#peer.forget()
    let outcome = this.#inWords(event.line, attempt)
    if (!outcome) {
      await this.#settle()
      outcome = this.#inWords(event.line, attempt)
    }
    if (!outcome && !blocks) outcome = this.#calls.wouldBlock(event)
    if (outcome) return this.#compareOutcome(event, outcome)
    if (event.time.returns === undefined) this.#fail(event.line, `${event.name} blocks, but is to return ${resultWords(event)} at once`)
    const returns = this.#clock.now() + event.time.returns - event.time.from
    this.#pending = { call: event, attempt, due: { from: returns, to: returns, tolerance: Math.max(4, (event.time.returns - event.time.from) / 8) } }
  }

  #compareOutcome(event: CallEvent, { value, errno }: Outcome): void {
    if (event.result === undefined || (event.result === value && event.errno === errno)) return
    this.#fail(event.line, `${event.name} returned something else\n  expected ${resultWords(event)}\n  seen     ${[value, errno].join(' ').trim()}`)
  }

  async #awaitPending({ call, due }: Pending): Promise<void> {
    await this.#advance(due.to + due.tolerance, () => this.#pending === undefined)
    if (this.#pending) this.#fail(call.line, `${call.name} has not returned at ${dueWords(due)}`)
  }

  #tryPending(): void {
    const pending = this.#pending
    if (!pending) return
    const { call, attempt, due } = pending
    const outcome = this.#inWords(call.line, attempt)
    if (!outcome) return
    this.#pending = undefined
    this.#compareOutcome(call, outcome)
    if (!inTime(due, this.#clock.now())) this.#fail(call.line, `${call.name} is to return at ${dueWords(due)}, but did so at ${secondsWords(this.#clock.now())}`)
  }

  async #expect(event: PacketEvent, due: Due): Promise<void> {
    const { packet, line } = event
    if (packet.protocol !== 'tcp') this.#fail(line, `packets of ${packet.protocol} that the stack sends are not supported`)
    const { sent } = this.#device
    await this.#advance(Math.min(due.to + due.tolerance, this.#clock.now() + mostPatience), () => sent.length > 0)
    const first = sent.shift()
    if (!first) this.#fail(line, `the stack sent nothing\n  expected ${packetWords('out', packet)} at ${dueWords(due)}`)
    const received = this.#decode(line, first)
    const segment = this.#gather(received, packet.length)
    const seen = received.conversation.toScript(segment, packet)
    const stampTolerance = this.#stampTick === 0 ? undefined : Math.max(4, this.#clock.now() / 8) / this.#stampTick
    const different = differences(packet, seen, stampTolerance)
    if (packet.ports && (packet.ports.source !== segment.sourcePort || packet.ports.destination !== segment.destinationPort)) different.push('ports')
    if (different.length > 0) this.#fail(line, `the stack sent something else: ${different.join(', ')}${this.#seenWords(packet, due, seen, first)}`)
    if (!inTime(due, first.at)) this.#fail(line, `the stack sent it at another time${this.#seenWords(packet, due, seen, first)}`)
  }

  #seenWords(expected: ScriptSegment, due: Due, seen: ScriptSegment, { at }: SentPacket): string {
    const when = Number.isFinite(due.from) ? ` at ${dueWords(due)}` : ''
    return `\n  expected > ${segmentWords(expected)}${when}\n  seen     > ${segmentWords(seen)} at ${secondsWords(at)}`
  }

  /** Segments that follow each other are as good as one, as a device that cuts large ones makes them. */
  #gather({ segment, conversation }: Received, length: number): WireSegment {
    const { sent } = this.#device
    let whole = segment
    for (let next = sent[0]; next && whole.payload.length < length; next = sent[0]) {
      const received = this.#peer.decode(next.bytes)
      if (typeof received === 'string' || received.conversation !== conversation || !continues(whole, received.segment)) break
      sent.shift()
      const { payload, flags } = received.segment
      whole = { ...whole, flags, payload: new Uint8Array(whole.payload.length + payload.length) }
    }
    return whole
  }

  #decode(line: number, { bytes }: SentPacket): Received {
    const received = this.#peer.decode(bytes)
    if (typeof received === 'string') this.#fail(line, `the stack sent ${received}`)
    return received
  }

  #describe(packet: SentPacket): string {
    const received = this.#peer.decode(packet.bytes)
    if (typeof received === 'string') return received
    return `> ${segmentWords(received.conversation.toScript(received.segment, undefined))} at ${secondsWords(packet.at)}`
  }

  /** Time goes on to `until`, through all timers on the way, or to where `enough` says so. */
  async #advance(until: number, enough: () => boolean = () => false): Promise<void> {
    for (;;) {
      await this.#settle()
      if (enough()) return
      const next = this.#clock.nextDue
      if (next > until) break
      this.#clock.moveTo(next)
    }
    this.#clock.moveTo(until)
  }

  /** What was set off runs to its end; a call that blocks may now return. */
  async #settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#tryPending()
  }

  /** Whoever reads a script throws words without a place. */
  #inWords<T>(line: number, act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (error instanceof ScriptError) throw error
      return this.#fail(line, error instanceof Error ? error.message : String(error))
    }
  }

  #fail(line: number, what: string): never {
    throw new ScriptError(this.#script.file, line, what)
  }
}

function continues(left: WireSegment, right: WireSegment): boolean {
  const plain = ({ flags }: WireSegment): string => flags.replaceAll(/[FP]/g, '')
  return right.seq === ((left.seq + left.payload.length) >>> 0) && right.ack === left.ack && plain(left) === plain(right)
}

function resultWords({ result, errno }: CallEvent): string {
  return [result ?? '?', errno].join(' ').trim()
}
