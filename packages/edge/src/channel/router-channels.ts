import { toCodedError, type Clock, type CodedError, type Log, type Milliseconds } from '@tunnel/flow'
import { withSignal } from '../circuit/with-signal.ts'
import type { RouterAddress } from '../controller/types.ts'
import type { Channel } from './channel.ts'

/** Opens one channel; rejects with `channel.*`, or when `signal` aborts. */
export type OpenChannel = (router: RouterAddress, signal: AbortSignal) => Promise<Channel>

export interface RouterChannelsOptions {
  readonly router: RouterAddress
  /** Most channels at a time. */
  readonly size: number
  readonly open: OpenChannel
  readonly clock: Clock
  readonly log: Log
  /** 0 to 1. */
  readonly random: () => number
}

const backOffBase: Milliseconds = 500
const backOffLimit: Milliseconds = 30_000

/**
 * The channels to one router. The first is opened when somebody wants it, the others in the background as circuits
 * appear: a receiver that does not read stops one channel (protocol section 11.3), not all.
 */
export class RouterChannels {
  readonly router: RouterAddress
  readonly #options: RouterChannelsOptions
  #open: Channel[] = []
  /** Of an earlier login: no new circuits; closed when their last one ends. */
  #retired: Channel[] = []
  #opening: Promise<Channel> | undefined
  #failures = 0
  #notBefore: Milliseconds = 0
  readonly #closing = new AbortController()

  constructor(options: RouterChannelsOptions) {
    this.#options = options
    this.router = options.router
  }

  get channels(): readonly Channel[] {
    return this.#open
  }

  /** Lowest mean latency; `undefined` when not connected. */
  get latency(): Milliseconds | undefined {
    return this.#open.length === 0 ? undefined : Math.min(...this.#open.map((channel) => channel.latency))
  }

  /** The channel for a new circuit: fewest circuits, then fewest unsent bytes. */
  best(): Channel | undefined {
    return leastBusy(this.#open)
  }

  /**
   * Opens one more channel when the last free one is about to be taken: the next circuit shall find one for itself, so
   * that it does not share that of a receiver that has stopped reading.
   */
  grow(): void {
    const full = this.#open.length >= this.#options.size
    if (full || this.#opening || this.#open.filter((channel) => channel.connections.size === 0).length > 1) return
    this.connect().catch(() => {})
  }

  /**
   * A channel for a bind: one that nothing uses, opened if there may be one more; else the least used. Those that take no
   * UpdateBind any more keep what they have, and do not count.
   */
  async freest(): Promise<Channel> {
    for (const channel of this.#open) if (channel.helloExpired && channel.connections.size === 0) void channel.close()
    const fresh = this.#open.filter((channel) => !channel.helloExpired)
    const best = leastBusy(fresh)
    if (best === undefined) return this.connect()
    const free = best.connections.size === 0
    if (free || fresh.length >= this.#options.size) return best
    return this.connect().catch(() => best)
  }

  /**
   * One more channel; callers at the same time share it. After failures it waits some time before it tries. `ahead`: nobody needs it yet, and so
   * a failure is neither news nor a reason to wait.
   */
  connect({ ahead = false } = {}): Promise<Channel> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason)
    this.#opening ??= this.#connect(ahead).finally(() => (this.#opening = undefined))
    return this.#opening
  }

  /** For a new login: new circuits go to new channels from now on. What the router had against the old one is over. */
  retire(): void {
    this.#failures = 0
    this.#notBefore = 0
    const retired = this.#open
    this.#open = []
    this.#retired = [...this.#retired, ...retired]
    this.sweep()
  }

  /** Closes retired channels that nothing uses any more. */
  sweep(): void {
    for (const channel of this.#retired) if (channel.connections.size === 0) void channel.close()
    this.#retired = this.#retired.filter((channel) => !channel.closed)
  }

  async close(reason: CodedError): Promise<void> {
    this.#closing.abort(reason)
    await Promise.all([...this.#open, ...this.#retired].map((channel) => channel.close(reason)))
  }

  async #connect(ahead: boolean): Promise<Channel> {
    const { clock, log, open, router } = this.#options
    const { signal } = this.#closing
    const wait = this.#notBefore - clock.now()
    if (wait > 0) await withSignal(new Promise<void>((resolve) => void clock.after(wait, resolve)), signal)
    try {
      const channel = await open(router, signal)
      if (signal.aborted) await channel.close(signal.reason)
      else this.#keep(channel)
      signal.throwIfAborted()
      return channel
    } catch (error) {
      signal.throwIfAborted()
      const { code, message } = toCodedError(error, 'channel.unreachable')
      // What the login lacks is no fault of the router, and told by the login.
      const ofRouter = code.startsWith('channel.') && !ahead
      if (ofRouter) this.#backOff()
      log(ofRouter ? 'warn' : 'debug', 'edge/router-channels.connect', message, { router: router.url, code, failures: this.#failures })
      throw error
    }
  }

  #keep(channel: Channel): void {
    const { log, router, clock } = this.#options
    const since = clock.now()
    this.#open.push(channel)
    log('info', 'edge/router-channels.connect', 'connected to router', { router: router.url, version: channel.hello?.version })
    channel.onClose((error) => {
      this.#open = this.#open.filter((other) => other !== channel)
      this.#retired = this.#retired.filter((other) => other !== channel)
      const byUs = this.#closing.signal.aborted || error.code === 'channel.closed'
      if (!byUs) this.#broke(since)
      log(byUs ? 'debug' : 'warn', 'edge/router-channels.closed', error.message, { router: router.url, code: error.code })
    })
  }

  /** Not to hammer a router that says hello and hangs up. Channels that break together count once. */
  #broke(since: Milliseconds): void {
    const now = this.#options.clock.now()
    if (now - since >= backOffLimit) this.#failures = 0
    else if (now >= this.#notBefore) this.#backOff()
  }

  #backOff(): void {
    const { clock, random } = this.#options
    const span = Math.min(backOffLimit, backOffBase * 2 ** this.#failures)
    this.#failures += 1
    this.#notBefore = clock.now() + random() * span
  }
}

function leastBusy(channels: readonly Channel[]): Channel | undefined {
  let best: Channel | undefined
  for (const channel of channels) if (best === undefined || busier(best, channel)) best = channel
  return best
}

/** A channel whose receiver or router does not read is worse than any other: not even the answer to a dial would come. */
function busier(left: Channel, right: Channel): boolean {
  const [leftStalls, rightStalls] = [left, right].map((channel) => channel.readingPaused || channel.full || channel.silent)
  if (leftStalls !== rightStalls) return leftStalls === true
  // One of its circuits is not read: it may stall soon.
  const [leftFills, rightFills] = [left, right].map(({ receiveRoom }) => receiveRoom.used > 0)
  if (leftFills !== rightFills) return leftFills === true
  if (left.connections.size !== right.connections.size) return left.connections.size > right.connections.size
  return left.unsentBytes > right.unsentBytes
}
