import { createServer, type AddressInfo, type Server } from 'node:net'
import { duplexPair } from 'node:stream'
import { encodeString } from '@tunnel/edge/wire'
import { createVirtualClock, type VirtualClock } from '@tunnel/flow/testing'
import { afterAll, beforeAll, describe } from 'vitest'
import type { RouterStats } from '../../packages/devnet/src/router/counters.ts'
import type { Router } from '../../packages/devnet/src/router/router.ts'
import { routerLimits } from '../../packages/devnet/src/router/router-timing.ts'
import { createTestNetwork, type TestNetwork } from '../../packages/devnet/src/router/testing/test-network.ts'
import { scaled } from '../support/scale.ts'
import { itEndures } from './support/conversations.ts'
import { chance } from './support/frames.ts'
import { HostileClient } from './support/hostile-client.ts'
import { choose, pick, type Random } from './support/random.ts'
import { Tally } from './support/tally.ts'

const file = 'test/fuzz/router-conversations.test.ts'
const identities = ['alice', 'bob', 'host'] as const
/** So many conversations have services of the router itself, behind which a real socket answers. */
const targetPart = 0.03
/** So many have somebody who seldom reads what the others send. */
const stalledPart = 0.1
/** One read of a stream in memory, and one message. */
const oneReadBytes = 4 * 2 ** 20

const tally = new Tally()
/** What five thousand conversations come across, whatever their seed. */
const reached = [
  ...['BindSuccess', 'ConnInspectRequest', 'Data', 'Dial', 'Result', 'StateClosed', 'StateConnected', 'TraceRouteResponse', 'UpdateTokenFailure', 'UpdateTokenSuccess'].map((name) => `hears ${name}`),
  ...['dropped', 'killed', 'frame.header-malformed', 'frame.magic', 'frame.oversize', 'hello-expected', 'hello-timeout', 'peer-closed', 'session-ended', 'token-foreign', 'token-unknown', 'token-update-refused'].map((name) => `closed: ${name}`),
  ...['no-connection-id', 'not-connected', 'unknown-connection', 'unmatched-reply', 'unsupported', 'wrong-token'].map((name) => `ignored: ${name}`),
  'blocked channels', 'buffered bytes', 'circuits to a target',
]

let echo: Server
let targetPort = 0
beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).on('data', () => tally.count('circuits to a target')).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  targetPort = (echo.address() as AddressInfo).port
})
afterAll(() => void echo.close())

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

const sum = (counts: Readonly<Partial<Record<string, number>>>): number => Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0)

/** Two routers of one network, and one to four hostile clients on them. */
class Conversation {
  readonly clock: VirtualClock = createVirtualClock()
  readonly #random: Random
  readonly #network: TestNetwork
  readonly #routers: readonly Router[]
  readonly #clients: HostileClient[] = []
  readonly #hasTarget: boolean
  /** The first seldom reads, and the others send much. */
  readonly #isStalled: boolean
  #wasBlocked = false
  #stats: RouterStats | undefined

  constructor(random: Random) {
    this.#random = random
    this.#isStalled = chance(random, stalledPart)
    this.#network = createTestNetwork({ clock: this.clock, ...((this.#isStalled || chance(random, 0.5)) && { windowBytes: 20_000 }) })
    this.#routers = [this.#network.router('r1'), this.#network.router('r2')]
    this.#hasTarget = chance(random, targetPart)
    const target = { protocol: chance(random, 0.9) ? 'tcp' : 'udp', host: '127.0.0.1', port: chance(random, 0.9) ? targetPort : 1 } as const
    if (this.#hasTarget) for (const service of ['echo', 'secret']) this.#network.target(service, target)
    for (let count = 1 + pick(random, 4); count > 0; count -= 1) this.#join()
  }

  async run(steps: number): Promise<void> {
    if (chance(this.#random, 0.8)) {
      this.#clients[0]!.hosts()
      await turns(3)
      this.clock.advance(10)
    }
    for (let step = 0; step < (this.#isStalled ? 2 * steps : steps); step += 1) {
      this.#step()
      if (chance(this.#random, 0.5)) await turns(1)
      // A socket takes as long as it takes.
      if (this.#hasTarget && chance(this.#random, 0.2)) await new Promise((resolve) => setTimeout(resolve, 1))
      this.#check()
    }
    await this.#ends()
  }

  #join(): void {
    const [ours, theirs] = duplexPair()
    const name = choose(this.#random, identities)
    // Mostly one router: then they meet.
    this.#routers[chance(this.#random, 0.8) ? 0 : 1]!.acceptStream(theirs, { clientCertificate: encodeString(name) })
    const temper = this.#isStalled && { isCrude: false, isBulky: this.#clients.length > 0, isLazy: this.#clients.length === 0 }
    const client = new HostileClient(ours, this.#random, name, tally, temper || {})
    this.#clients.push(client)
    client.opens()
  }

  #step(): void {
    const random = this.#random
    const move = pick(random, 100)
    if (move < 88) choose(random, this.#clients).act()
    else if (move < 95) this.clock.advance(choose(random, [1, 5, 5, 10, 10, 100, 1000, 5000, 5300, 11_000]))
    else if (move < 96 && chance(random, 0.3)) this.#network.endApiSession(`api-${choose(random, identities)}`)
    else if (move < 97) this.#network.endServiceSession(`api-${choose(random, identities)}-${choose(random, ['Dial:echo', 'Bind:echo', 'Bind:secret'])}`)
    else if (move < 98) this.#faults(choose(random, this.#routers))
    else if (this.#clients.length < 5) this.#join()
  }

  /** Of the network, not of the clients. */
  #faults(router: Router): void {
    const random = this.#random
    switch (pick(random, 6)) {
      case 0: return router.freeze()
      case 1: return router.resume()
      case 2: return this.#network.fabric.cutLink('r1', 'r2')
      case 3: return this.#network.fabric.mendLink('r1', 'r2')
      case 4: return this.#network.fabric.delayLink('r1', 'r2', pick(random, 50))
      default: return router.delay(pick(random, 2) * 20)
    }
  }

  #check(): void {
    for (const client of this.#clients) client.check()
    for (const router of this.#routers) {
      const { channels, circuits, binds, blockedChannels, bufferedBytes } = router.stats()
      if (Math.min(channels, circuits, binds, blockedChannels, bufferedBytes) < 0) throw new Error(`counters below zero: ${JSON.stringify(router.stats())}`)
      const limit = Math.max(1, this.#clients.length) * (routerLimits.channelBufferedBytes + oneReadBytes)
      if (bufferedBytes > limit) throw new Error(`${bufferedBytes} bytes buffered`)
      if (blockedChannels > 0) this.#wasBlocked = true
      if (bufferedBytes > 0) tally.count('buffered bytes')
      if (blockedChannels > channels) throw new Error(`${blockedChannels} of ${channels} channels blocked`)
    }
    this.#counts()
  }

  /** What counts only grows. */
  #counts(): void {
    const stats = this.#routers[0]!.stats()
    const before = this.#stats
    this.#stats = stats
    if (before === undefined) return
    const grown = (['bytesIn', 'framesIn', 'healthEvents', 'postureResponses', 'peakBufferedBytes'] as const).every((name) => stats[name] >= before[name])
    if (!grown || sum(stats.closed) < sum(before.closed) || sum(stats.ignored) < sum(before.ignored)) throw new Error('a counter shrank')
  }

  async #ends(): Promise<void> {
    if (this.#wasBlocked) tally.count('blocked channels')
    await turns(3)
    for (const router of this.#routers) router.resume()
    for (const { stream } of this.#clients) {
      if (chance(this.#random, 0.3)) stream.destroy()
      else if (chance(this.#random, 0.5)) stream.resume().end()
    }
    await turns(3)
    for (const router of this.#routers) {
      if (chance(this.#random, 0.5)) router.dropChannels()
      else router.kill()
    }
    for (const { stream } of this.#clients) stream.resume()
    await turns(3)
    // The longest wait is that of data for a receiver that does not take it.
    this.clock.advance(40_000)
    await turns(2)
    this.#check()
    const closed = this.#routers.map((router) => this.#checkEnd(router)).reduce((total, count) => total + count, 0)
    if (closed !== this.#clients.length) throw new Error(`${this.#clients.length} channels, but ${closed} closed with a reason`)
    if (this.#network.terminators.some(({ kind }) => kind === 'sdk')) throw new Error('terminators are left')
    if (this.#network.fabric.stats().circuits > 0) throw new Error('circuits are left in the fabric')
    if (this.clock.pending > 0) throw new Error(`${this.clock.pending} timers are left`)
    for (const { stream } of this.#clients) if (!stream.readableEnded && !stream.destroyed) throw new Error('a stream is left open')
  }

  /** Returns how many channels it closed. */
  #checkEnd(router: Router): number {
    const { channels, circuits, binds, blockedChannels, bufferedBytes, closed, ignored } = router.stats()
    if (channels + circuits + binds + blockedChannels + bufferedBytes !== 0) throw new Error(`it is not empty: ${JSON.stringify(router.stats())}`)
    for (const reason of Object.keys(closed)) tally.count(`closed: ${reason}`)
    for (const reason of Object.keys(ignored)) tally.count(`ignored: ${reason}`)
    return sum(closed)
  }
}

const converse = (random: Random): Promise<void> => new Conversation(random).run(5 + pick(random, 100))

describe('a router with hostile clients', () => {
  itEndures({ file, rounds: scaled(50_000), converse }, tally, reached)
})
