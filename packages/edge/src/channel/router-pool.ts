import { CodedError, type Clock, type Log } from '@tunnel/flow'
import type { RouterAddress } from '../controller/types.ts'
import type { Channel } from './channel.ts'
import { RouterChannels, type OpenChannel } from './router-channels.ts'

export interface RouterPoolOptions {
  readonly channelsPerRouter: number
  readonly open: OpenChannel
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
}

/** Of a large network an identity may use many routers, and will use few. */
const warmAtMost = 3

/** All channels of one identity, by router URL, shared by all services (protocol section 7.2). */
export class RouterPool {
  readonly #options: RouterPoolOptions
  readonly #dial = new Map<string, RouterChannels>()
  readonly #bind = new Map<string, RouterChannels>()
  #closed: CodedError | undefined

  constructor(options: RouterPoolOptions) {
    this.#options = options
  }

  /**
   * A channel for a circuit to one of `routers`: the connected router with the lowest mean latency, else the first that
   * can be connected; all are tried at once. Rejects with `dial.no-router`.
   */
  async forDial(routers: readonly RouterAddress[]): Promise<Channel> {
    if (this.#closed) throw this.#closed
    const candidates = routers.map((router) => this.#channels(this.#dial, router, this.#options.channelsPerRouter))
    let nearest: RouterChannels | undefined
    for (const candidate of candidates) {
      candidate.sweep()
      if (candidate.latency === undefined) continue
      if (nearest?.latency === undefined || candidate.latency < nearest.latency) nearest = candidate
    }
    const channel = nearest?.best() ?? (await this.#first(candidates))
    for (const candidate of candidates) {
      if (candidate.latency === undefined) candidate.connect().catch(() => {})
      else if (candidate.channels.includes(channel)) candidate.grow()
    }
    return channel
  }

  /** Connects to some of these routers before the first dial, which then finds a channel. Rejects when none can be reached. */
  async warmUp(routers: readonly RouterAddress[]): Promise<void> {
    if (this.#closed) throw this.#closed
    const likely = routers.toSorted((left, right) => Number(right.online) - Number(left.online)).slice(0, warmAtMost)
    const candidates = likely.map((router) => this.#channels(this.#dial, router, this.#options.channelsPerRouter))
    await Promise.any(candidates.filter(({ latency }) => latency === undefined).map((candidate) => candidate.connect({ ahead: true })))
  }

  /**
   * A channel for a bind on `router`, apart from those of dials, so that neither stops the other. The connections of a
   * bind travel on its channel: hosted services are spread, or one client that does not read would stop them all.
   */
  async forBind(router: RouterAddress): Promise<Channel> {
    if (this.#closed) throw this.#closed
    const channels = this.#channels(this.#bind, router, this.#options.channelsPerRouter)
    channels.sweep()
    return channels.freest()
  }

  /** Every open channel. */
  channels(): Channel[] {
    return [...this.#dial.values(), ...this.#bind.values()].flatMap((router) => router.channels)
  }

  /** After a new login: the old channels live on only for the circuits they have. */
  retire(): void {
    for (const router of [...this.#dial.values(), ...this.#bind.values()]) router.retire()
  }

  async close(reason: CodedError): Promise<void> {
    this.#closed = reason
    await Promise.all([...this.#dial.values(), ...this.#bind.values()].map((router) => router.close(reason)))
  }

  async #first(candidates: readonly RouterChannels[]): Promise<Channel> {
    try {
      return await firstOf(candidates)
    } catch (error) {
      throw this.#closed ?? error
    }
  }

  #channels(kept: Map<string, RouterChannels>, router: RouterAddress, size: number): RouterChannels {
    let channels = kept.get(router.url)
    if (channels === undefined) {
      channels = new RouterChannels({ ...this.#options, router, size })
      kept.set(router.url, channels)
    }
    return channels
  }
}

async function firstOf(candidates: readonly RouterChannels[]): Promise<Channel> {
  try {
    return await Promise.any(candidates.map((candidate) => candidate.connect()))
  } catch (cause) {
    const reasons = cause instanceof AggregateError ? cause.errors.map((error: unknown) => (error instanceof Error ? error.message : String(error))) : []
    const why = reasons.length === 0 ? 'the controller names no router for it' : reasons.join('; ')
    throw new CodedError('dial.no-router', `no router of this service can be reached: ${why}`, { cause })
  }
}
