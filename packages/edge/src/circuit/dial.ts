import { CodedError, isCodedError, type Clock, type Log, type Milliseconds, type Protocol } from '@tunnel/flow'
import type { Service } from '@tunnel/config'
import type { RouterPool } from '../channel/router-pool.ts'
import type { ServiceSession, SessionStore } from '../controller/types.ts'
import type { Crypto } from '../wire.ts'
import { connectCircuit, type ConnectResult, type MakeFlow } from './connect.ts'
import type { PlaintextSlabs } from './plaintext-slabs.ts'
import { withSignal } from './with-signal.ts'

/** Has the shape of core's `DialRequest`. */
export interface DialRequest {
  readonly protocol: Protocol
  readonly identity?: string
  readonly appData?: Readonly<Record<string, string>>
  readonly timeout?: Milliseconds
}

export interface DialerOptions {
  readonly sessions: SessionStore
  readonly pool: RouterPool
  readonly crypto: Crypto
  readonly slabs: PlaintextSlabs
  readonly clock: Clock
  readonly log: Log
  /** Name of our identity. */
  readonly callerId: () => string
}

const defaultDialTimeout: Milliseconds = 15_000

/** Dials services: session, router, Connect, and one more try where that may help (protocol section 4.2). */
export class Dialer {
  readonly #options: DialerOptions

  constructor(options: DialerOptions) {
    this.#options = options
  }

  async dial<T>(service: Service, request: DialRequest, makeFlow: MakeFlow<T>, signal?: AbortSignal): Promise<T> {
    const { clock } = this.#options
    if (!service.permissions.includes('Dial')) {
      throw new CodedError('dial.not-permitted', `this identity may not dial service '${service.name}': ask for a dial policy`, { detail: { service: service.name } })
    }
    const timeout = request.timeout ?? defaultDialTimeout
    const limit = new AbortController()
    const cancel = clock.after(timeout, () => limit.abort(dialTimeout(service.name, timeout)))
    const abort = (): void => limit.abort(new CodedError('dial.aborted', `the dial of '${service.name}' was aborted`, { cause: signal?.reason }))
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    try {
      return await this.#twice(service, request, makeFlow, { deadline: clock.now() + timeout, signal: limit.signal })
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : permissionError(error, service)
    } finally {
      cancel()
      signal?.removeEventListener('abort', abort)
    }
  }

  async #twice<T>(service: Service, request: DialRequest, makeFlow: MakeFlow<T>, limit: DialLimit): Promise<T> {
    const { sessions, clock, log } = this.#options
    const sessionOf = (): Promise<ServiceSession> =>
      withSignal(sessions.dial(service.id, { timeout: limit.deadline - clock.now(), signal: limit.signal }), limit.signal)
    const session = await sessionOf()
    let failure: unknown
    try {
      const result = await this.#attempt(session, service, request, makeFlow, limit)
      if (result.kind === 'connected') return result.flow
      if (!result.refusal.sessionIsBad) throw result.error
      sessions.invalidate(session)
      failure = result.error
    } catch (error) {
      // The router went away under the dial, or none was there: the list may be old.
      if (!isCodedError(error, 'circuit.channel-lost') && !isCodedError(error, 'dial.no-router')) throw error
      failure = error
      // Without the controller, the routers that we know have to do.
      const refreshed = sessions.refreshRouters(session).catch(() => session)
      await withSignal(refreshed, limit.signal)
    }
    log('debug', 'edge/dial.retry', `dialling '${service.name}' once more: ${failure instanceof Error ? failure.message : ''}`)
    const result = await this.#attempt(await sessionOf(), service, request, makeFlow, limit)
    if (result.kind === 'refused') throw result.error
    return result.flow
  }

  async #attempt<T>(session: ServiceSession, service: Service, request: DialRequest, makeFlow: MakeFlow<T>, limit: DialLimit): Promise<ConnectResult<T>> {
    const { pool, crypto, slabs, clock, callerId } = this.#options
    const channel = await withSignal(pool.forDial(session.routers), limit.signal)
    limit.signal.throwIfAborted()
    const connect = {
      protocol: request.protocol,
      service: service.name,
      encryptionRequired: service.encryptionRequired,
      sessionToken: session.token,
      callerId: callerId(),
      ...(request.identity !== undefined && { terminator: request.identity }),
      ...(request.appData && { appData: request.appData }),
    }
    return connectCircuit({ channel, crypto, slabs }, connect, makeFlow, Math.max(1, limit.deadline - clock.now()), limit.signal)
  }
}

interface DialLimit {
  readonly deadline: Milliseconds
  readonly signal: AbortSignal
}

const dialTimeout = (service: string, timeout: Milliseconds): CodedError =>
  new CodedError('dial.timeout', `service '${service}' could not be dialled within ${timeout / 1000} s`, { detail: { service, timeout } })

/** What cannot be had for reasons of policy has one code for those who dial; the cause tells which. */
function permissionError(error: unknown, { name }: Service): unknown {
  if (!isCodedError(error, 'dial.posture') && !isCodedError(error, 'dial.no-service')) return error
  return new CodedError('dial.not-permitted', `service '${name}' may not be dialled: ${error.message}`, { detail: { ...error.detail, service: name, reason: error.code }, cause: error })
}
