import { isCodedError, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import { withSignal } from '../circuit/with-signal.ts'
import type { ApiSession, ControllerSession, RouterAddress } from '../controller/types.ts'
import type { Channel } from './channel.ts'
import { openEdgeChannel } from './edge-channel.ts'
import type { RouterPool } from './router-pool.ts'

export interface ChannelOpenerOptions {
  readonly controller: ControllerSession
  readonly clock: Clock
  readonly log: Log
}

const connectTimeout: Milliseconds = 15_000
/** So long a legacy token can be unknown to a router (protocol section 2.11). */
const syncTime: Milliseconds = 10_000

/** Opens channels with the login of now, and keeps login and channels in step. */
export class ChannelOpener {
  readonly #options: ChannelOpenerOptions
  #since: Milliseconds
  #refusals = 0
  /** Counts new logins. */
  #logins = 0
  #relogin: Promise<void> | undefined

  constructor(options: ChannelOpenerOptions) {
    this.#options = options
    this.#since = options.clock.now()
  }

  /** Rejects with `channel.*`, or with why there is no login. */
  async open(router: RouterAddress, signal: AbortSignal): Promise<Channel> {
    if (this.#relogin) await withSignal(this.#relogin, signal)
    const logins = this.#logins
    const { controller, clock, log } = this.#options
    const session = controller.current()
    if (hasExpired(session, clock)) {
      await withSignal(controller.tokenRefused(session), signal)
      return this.open(router, signal)
    }
    const { credentials, path } = controller
    // That of a legacy login stays, and is kept alive.
    const tokenExpiresAt = session.kind === 'oidc' ? session.expiresAt : undefined
    const options = { router, token: session.token, tokenExpiresAt, credentials, path, clock, log, timeout: connectTimeout, signal }
    const channel = await openEdgeChannel(options)
    if (logins !== this.#logins) {
      // Nobody retires it: it was not in the pool yet.
      void channel.close()
      return this.open(router, signal)
    }
    channel.onClose((error) => {
      if (error.code === 'channel.unauthorized') this.#refused(session)
    })
    const latest = controller.current()
    if (latest.token !== session.token) void this.#update(channel, latest)
    return channel
  }

  /** Brings new tokens to the channels of `pool`; after a new login its channels serve only the circuits they have. */
  follow(pool: RouterPool): void {
    this.#options.controller.onToken((session, change) => {
      this.#since = this.#options.clock.now()
      this.#refusals = 0
      if (change === 'replaced') {
        this.#logins += 1
        return pool.retire()
      }
      for (const channel of pool.channels()) void this.#update(channel, session)
    })
  }

  async #update(channel: Channel, session: ApiSession): Promise<void> {
    try {
      await channel.updateToken(session.token)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log('warn', 'edge/channel-opener.update', reason, { router: channel.url })
      // The router closes it in a moment.
      if (isCodedError(error, 'channel.unauthorized')) this.#refused(session)
    }
  }

  /** One refusal soon after the login can be the router's lag; a second one, or one later, means it. */
  #refused(session: ApiSession): void {
    const { controller, clock, log } = this.#options
    if (session.token !== controller.current().token || this.#relogin) return
    this.#refusals += 1
    if (this.#refusals < 2 && clock.now() - this.#since < syncTime) return
    log('info', 'edge/channel-opener.refused', 'a router refuses our login: logging in again')
    this.#relogin = controller.tokenRefused(session).then(() => {}, () => {}).finally(() => (this.#relogin = undefined))
  }
}

/** A router welcomes such a token, and hangs up 5 s later. Legacy ones end when the controller says so. */
const hasExpired = ({ kind, expiresAt }: ApiSession, clock: Clock): boolean => kind === 'oidc' && clock.now() >= expiresAt
