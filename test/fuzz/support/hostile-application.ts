import { randomUUID } from 'node:crypto'
import { CodedError, isCodedError, silentLog, type Clock } from '@tunnel/flow'
import type { Crypto } from '@tunnel/edge/wire'
import type { IncomingCall } from '../../../packages/edge/src/bind/incoming-call.ts'
import { RouterBind } from '../../../packages/edge/src/bind/router-bind.ts'
import type { Channel } from '../../../packages/edge/src/channel/channel.ts'
import { Circuit } from '../../../packages/edge/src/circuit/circuit.ts'
import { connectCircuit } from '../../../packages/edge/src/circuit/connect.ts'
import type { Connection } from '../../../packages/edge/src/circuit/connection.ts'
import { DatagramCircuit } from '../../../packages/edge/src/circuit/datagram-circuit.ts'
import { PlaintextSlabs } from '../../../packages/edge/src/circuit/plaintext-slabs.ts'
import { chance } from './frames.ts'
import { bindToken } from './hostile-router.ts'
import { choose, pick, type Random } from './random.ts'
import type { Tally } from './tally.ts'
import { WatchedDatagrams, WatchedFlow, type Watched } from './watched-flows.ts'

const mostFlows = 8
const mostBinds = 3
/** An accepted call is confirmed by then, or has failed. */
const confirmed = 5_000

interface Bind {
  readonly bind: RouterBind
  ends: number
  closed: boolean
}

/** Dials, hosts, and does with its flows whatever the contract allows, at any moment. */
export class HostileApplication {
  readonly flows: Watched[] = []
  readonly #random: Random
  readonly #crypto: Crypto
  readonly #clock: Clock
  readonly #channel: Channel
  readonly #tally: Tally
  readonly #slabs = new PlaintextSlabs()
  readonly #binds: Bind[] = []
  readonly #calls: IncomingCall[] = []
  readonly #aborts = new Set<AbortController>()
  #problem: unknown

  constructor(random: Random, crypto: Crypto, clock: Clock, channel: Channel, tally: Tally) {
    this.#random = random
    this.#crypto = crypto
    this.#clock = clock
    this.#channel = channel
    this.#tally = tally
  }

  get pendingDials(): number {
    return this.#aborts.size
  }

  act(): void {
    const random = this.#random
    const move = pick(random, 100)
    if (move < 14) return this.#dial()
    if (move < 18) return this.#bind()
    if (move < 30) return this.#answerCall()
    if (move < 32) return [...this.#aborts][0]?.abort(new CodedError('dial.aborted', 'enough'))
    if (move < 34) return void this.#channel.updateToken('next').catch((error: unknown) => this.#expectCoded(error))
    if (move < 37) return this.#rebind()
    if (this.flows.length > 0) choose(random, this.flows).act()
  }

  check(everythingWritten: boolean): void {
    if (this.#problem !== undefined) throw this.#problem
    for (const { ends, closed } of this.#binds) if (ends > 1 || (closed && ends > 0)) throw new Error('a bind ended twice')
    for (const flow of this.flows) flow.check(everythingWritten)
    const most = this.flows.filter(({ closes }) => closes === 0).length + this.#binds.filter(({ ends, closed }) => ends === 0 && !closed).length + this.#aborts.size
    if (this.#channel.connections.size > most) throw new Error(`${this.#channel.connections.size} connections, but at most ${most} are in use`)
  }

  letGo(): void {
    for (const flow of this.flows) flow.letGo()
  }

  /** The channel is closed, and everybody had time to hear of it. */
  checkEnd(): void {
    this.check(false)
    if (this.#aborts.size > 0) throw new Error('a dial never settled')
    for (const { ends, closed } of this.#binds) if (ends === 0 && !closed) throw new Error('a bind never ended')
    for (const { closes, isAttached } of this.flows) if (isAttached && closes !== 1) throw new Error(`a flow was closed ${closes} times`)
  }

  #expectCoded(error: unknown): void {
    if (isCodedError(error)) this.#tally.count(`failed: ${error.code}`)
    else this.#problem ??= error
  }

  #watch(flow: Watched): void {
    if (this.flows.length >= mostFlows) {
      const over = this.flows.findIndex(({ closes }) => closes > 0)
      if (over >= 0) this.flows.splice(over, 1)
    }
    this.flows.push(flow)
  }

  #dial(): void {
    if (this.flows.filter(({ closes }) => closes === 0).length >= mostFlows) return
    const random = this.#random
    const abort = new AbortController()
    this.#aborts.add(abort)
    const protocol = chance(random, 0.8) ? 'tcp' : 'udp'
    const request = {
      protocol, service: 'dialled', encryptionRequired: chance(random, 0.6), sessionToken: 'dial-token', callerId: 'me',
      ...(chance(random, 0.2) && { appData: { dst_port: '80' }, terminator: 'one' }),
    } as const
    const make = (connection: Connection, info: Circuit['info']): Watched =>
      protocol === 'tcp' ? new WatchedFlow(new Circuit(connection, info), random, this.#tally, () => true) : new WatchedDatagrams(new DatagramCircuit(connection, info), random, this.#tally)
    connectCircuit(this.#connection(), request, make, choose(random, [100, 5000, 15_000]), abort.signal)
      .then((result) => {
        this.#tally.count(result.kind === 'connected' ? 'dial connected' : `dial refused: ${result.error.code}`)
        if (result.kind === 'connected') this.#watch(result.flow)
      }, (error: unknown) => this.#expectCoded(error))
      .finally(() => this.#aborts.delete(abort))
  }

  #connection() {
    return { channel: this.#channel, slabs: this.#slabs, crypto: this.#crypto }
  }

  #bind(): void {
    if (this.#binds.filter(({ ends, closed }) => ends === 0 && !closed).length >= mostBinds) return
    const keyPair = chance(this.#random, 0.5) ? this.#crypto.keyPair() : undefined
    const bind: Bind = {
      ends: 0,
      closed: false,
      bind: new RouterBind({
        connection: this.#connection(), clock: this.#clock, log: silentLog, service: 'hosted', sessionToken: bindToken,
        request: { listenerId: randomUUID(), cost: pick(this.#random, 3), precedence: 'default', ...(keyPair && { publicKey: keyPair.publicKey }) },
        ...(keyPair && { keyPair }),
        accept: (call) => {
          this.#tally.count('call')
          this.#calls.push(call)
          if (chance(this.#random, 0.5)) this.#answerCall()
        },
        established: () => this.#tally.count('bind established'),
        ended: (end) => {
          this.#tally.count(`bind ended: ${end}`)
          bind.ends += 1
        },
      }),
    }
    this.#binds.push(bind)
    bind.bind.open()
  }

  #rebind(): void {
    if (this.#binds.length === 0) return
    const chosen = choose(this.#random, this.#binds)
    if (chance(this.#random, 0.5)) return chosen.bind.update({ cost: 7, precedence: 'required' })
    chosen.bind.close()
    if (chosen.ends === 0) chosen.closed = true
  }

  #answerCall(): void {
    const call = this.#calls.splice(pick(this.#random, this.#calls.length), 1)[0]
    if (call === undefined) return
    if (this.flows.filter(({ closes }) => closes === 0).length >= mostFlows || chance(this.#random, 0.15)) call.refuse('no room')
    else this.#accept(call)
    if (!chance(this.#random, 0.05)) return
    try {
      call.refuse('twice')
      this.#problem ??= new Error('a call was answered twice')
    } catch (error) {
      if (!isCodedError(error, 'bind.answered')) this.#problem ??= error
    }
  }

  #accept(call: IncomingCall): void {
    this.#tally.count('call accepted')
    if (chance(this.#random, 0.2)) return this.#watch(new WatchedDatagrams(call.acceptDatagrams(), this.#random, this.#tally))
    const since = this.#clock.now()
    this.#watch(new WatchedFlow(call.accept(), this.#random, this.#tally, () => this.#clock.now() - since >= confirmed))
  }
}
