import { isCodedError, silentLog } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { FrameReader, loadCrypto } from '@tunnel/edge/wire'
import { beforeAll, describe, expect } from 'vitest'
import { Channel, unsentLimitBytes, type ChannelTransport } from '../../packages/edge/src/channel/channel.ts'
import { sharedReceiveBytes } from '../../packages/edge/src/channel/receive-room.ts'
import type { Crypto } from '../../packages/edge/src/wire/crypto.ts'
import { scaled } from '../support/scale.ts'
import { itEndures } from './support/conversations.ts'
import { chance, split } from './support/frames.ts'
import { HostileApplication } from './support/hostile-application.ts'
import { HostileRouter } from './support/hostile-router.ts'
import { choose, pick, type Random } from './support/random.ts'
import { Tally } from './support/tally.ts'
import { largestChunkBytes } from './support/watched-flows.ts'

const file = 'test/fuzz/channel-conversations.test.ts'
const largestFrameBytes = 16 * 2 ** 20 + 64 * 1024 + 20
/** What the channel says by itself, answers above all. */
const controlBytes = 2 ** 20

let crypto: Crypto
beforeAll(async () => {
  crypto = await loadCrypto()
})

const tally = new Tally()
/** What five thousand conversations come across, whatever their seed. */
const reached = [
  'bind established', 'bind ended: lost', 'bind ended: replaced', 'bind ended: session', 'call accepted', 'dial connected', 'dial refused: dial.refused',
  'channel: open', 'channel: channel.closed', 'channel: channel.dead', 'channel: channel.lost', 'channel: channel.protocol', 'channel: channel.rejected',
  'failed: dial.aborted', 'failed: dial.encryption-required', 'failed: dial.refused', 'failed: dial.timeout', 'failed: channel.unauthorized',
  'flow data', 'flow end', 'flow drain', 'flow closed: in order', 'flow closed: bind.unconfirmed', 'flow closed: circuit.channel-lost', 'flow closed: circuit.decrypt',
  'flow closed: circuit.malformed', 'flow closed: circuit.reset', 'flow closed: flow.overrun', 'datagram message', 'datagram close', 'reading paused',
]

/** One channel from hello to end, with a hostile router at one side and a careless application at the other. */
class Conversation {
  readonly clock = createVirtualClock()
  readonly channel: Channel
  readonly application: HostileApplication
  readonly router: HostileRouter
  readonly #random: Random
  readonly #roomBytes: number
  readonly #scheduled: (() => void)[] = []
  readonly #unwritten: (() => void)[] = []
  readonly #onWire: Uint8Array[] = []
  #takesWrites = true
  #paused = false
  #stats: Record<string, number> = {}
  closes = 0

  constructor(random: Random) {
    this.#random = random
    this.router = new HostileRouter(random, crypto)
    const reader = new FrameReader({
      frame: (frame) => this.router.hears(frame),
      refused: (reason) => expect.fail(`the channel sent what is no frame: ${reason}`),
    })
    const transport: ChannelTransport = {
      write: (bytes, written) => {
        reader.push(bytes)
        this.#unwritten.push(() => {
          // Whoever reads must not live on bytes that the writer uses again.
          bytes.fill(0xee)
          written()
        })
      },
      pauseReading: () => (this.#paused = true),
      resumeReading: () => (this.#paused = false),
      close: async () => {},
    }
    this.#roomBytes = choose(random, [0, 65_536, sharedReceiveBytes])
    this.channel = new Channel({ url: 'tls://hostile:3022', transport, clock: this.clock, log: silentLog, schedule: (call) => this.#scheduled.push(call), receiveRoomBytes: this.#roomBytes })
    this.channel.onClose(() => (this.closes += 1))
    this.application = new HostileApplication(random, crypto, this.clock, this.channel, tally)
  }

  async run(steps: number): Promise<void> {
    await this.#opens()
    for (let step = 0; step < steps && (!this.channel.closed || chance(this.#random, 0.8)); step += 1) {
      this.#step()
      await this.#settle()
      this.#check()
    }
    await this.#ends()
  }

  async #opens(): Promise<void> {
    const random = this.#random
    let result: unknown = 'nothing'
    this.channel.open('token', 5000).then(() => (result = 'open'), (error: unknown) => (result = error))
    if (chance(random, 0.95)) this.#brings(this.router.welcome(chance(random, 0.7)))
    else for (let count = pick(random, 4); count > 0; count -= 1) this.#brings(this.router.says())
    await this.#settle()
    if (result instanceof Error && !isCodedError(result)) throw result
  }

  #step(): void {
    const random = this.#random
    const move = pick(random, 100)
    if (move < 50) this.#brings(this.router.says())
    else if (move < 85) this.application.act()
    else if (move < 90) this.clock.advance(choose(random, [0, 1, 1, 10, 10, 100, 1000, 4500, 5000, 30_000]))
    else if (move < (this.#takesWrites ? 93 : 96)) this.#takesWrites = !this.#takesWrites
    else if (move < 97 && chance(random, 0.2)) this.#closes()
  }

  #closes(): void {
    if (chance(this.#random, 0.5)) void this.channel.close()
    else this.channel.lost(chance(this.#random, 0.5) ? new Error('ECONNRESET') : undefined)
  }

  #brings(bytes: Uint8Array): void {
    this.#onWire.push(...split(this.#random, bytes))
    this.#deliver()
  }

  /** A transport that was told to pause brings nothing. */
  #deliver(): void {
    while (this.#onWire.length > 0 && !this.#paused) this.channel.reader.push(this.#onWire.shift()!)
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < 3 || this.#isBusy(); turn += 1) {
      if (turn > 10_000) throw new Error('it never comes to rest')
      await Promise.resolve()
      for (const call of this.#scheduled.splice(0)) call()
      if (this.#takesWrites) for (const written of this.#unwritten.splice(0)) written()
      this.#deliver()
    }
  }

  #isBusy(): boolean {
    return this.#scheduled.length > 0 || (this.#takesWrites && this.#unwritten.length > 0) || (this.#onWire.length > 0 && !this.#paused)
  }

  #check(): void {
    const { channel, application } = this
    application.check(this.#takesWrites)
    if (channel.readingPaused) tally.count('reading paused')
    const limit = unsentLimitBytes + controlBytes + (application.flows.length + 1) * 3 * largestChunkBytes
    if (channel.unsentBytes > limit) throw new Error(`${channel.unsentBytes} bytes unsent`)
    const { used } = channel.receiveRoom
    if (used < 0 || used > this.#roomBytes) throw new Error(`${used} of ${this.#roomBytes} bytes of room are used`)
    if (channel.reader.pendingBytes > largestFrameBytes) throw new Error(`${channel.reader.pendingBytes} bytes unread`)
    for (const [name, count] of Object.entries(channel.stats)) {
      if (count < (this.#stats[name] ?? 0)) throw new Error(`the counter ${name} shrank`)
    }
    this.#stats = { ...channel.stats }
    if (this.closes > 1 || (this.closes === 1) !== (channel.closed !== undefined)) throw new Error(`told ${this.closes} times that the channel is closed`)
  }

  async #ends(): Promise<void> {
    const random = this.#random
    tally.count(`channel: ${this.channel.closed?.code ?? 'open'}`)
    this.#takesWrites = true
    await this.#settle()
    if (chance(random, 0.5)) await this.channel.close()
    else this.channel.lost()
    // Neither end knows yet.
    for (let count = 0; count < 5; count += 1) {
      this.#brings(this.router.says())
      this.application.act()
      await this.#settle()
      this.#check()
    }
    this.application.letGo()
    await this.#settle()
    // Calls that nobody answered are refused by then.
    this.clock.advance(5_000)
    await this.#settle()
    this.application.checkEnd()
    this.#check()
    if (this.clock.pending > 0) throw new Error(`${this.clock.pending} timers are left`)
    if (this.channel.connections.size > 0) throw new Error('connections are left')
    if (this.channel.unsentBytes > 0) throw new Error('bytes are left')
    if (this.channel.receiveRoom.used > 0) throw new Error('room is still taken')
  }
}

const converse = (random: Random): Promise<void> => new Conversation(random).run(5 + pick(random, 150))

describe('a channel to a hostile router', () => {
  itEndures({ file, rounds: scaled(50_000), converse }, tally, reached)
})
