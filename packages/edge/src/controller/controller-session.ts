import { CodedError, isCodedError, silentLog, systemClock, toCodedError, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import { createAuthenticator, type Authenticator } from '../auth/authenticator.ts'
import type { LoginKind } from '../auth/choose-login.ts'
import type { ApplicationInfo } from '../auth/client-info.ts'
import { createBackoff } from './backoff.ts'
import { createControllerPool, type ControllerPool } from './controller-pool.ts'
import { createDeferred } from './deferred.ts'
import { createEdgeController, type EdgeController } from './edge-controller.ts'
import { createFailureLog } from './failure-log.ts'
import { createHttpClient, type HttpClient } from './http-client.ts'
import type { Random } from './random.ts'
import { createRestClient } from './rest-client.ts'
import { createServicePoller } from './service-poller.ts'
import { createSessionStore, type ManagedSessionStore } from './session-store.ts'
import type {
  ApiSession, ControllerSession, IdentityInfo, NetworkPath, RouterAddress, ServicePoller, TlsCredentials, TokenListener, Unsubscribe,
} from './types.ts'

export interface ControllerSessionOptions {
  /** `ztAPIs`, or `ztAPI`, of the identity file: at least one HTTPS URL. */
  readonly controllers: readonly string[]
  readonly credentials: TlsCredentials
  /** How connections leave this host; given to the data plane too. */
  readonly path?: NetworkPath
  /** Default `auto`: OIDC where the controller has it. */
  readonly auth?: LoginKind
  readonly application?: ApplicationInfo
  /** Between polls for service changes. Default 15 s. */
  readonly pollInterval?: Milliseconds
  /** For one exchange with a controller. Default 30 s. */
  readonly requestTimeout?: Milliseconds
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
}

/** The control plane of one identity: login, identity, services, service sessions. Does nothing before `start`. Throws `identity.credentials`, `controller.no-url`. */
export function createControllerSession(options: ControllerSessionOptions): ControllerSession & { readonly controller: EdgeController } {
  return new Session(options)
}

// A dial of a service that is gone asks for the list; many such dials must not become many lists.
const missingInterval = 5000

class Session implements ControllerSession {
  readonly credentials: TlsCredentials
  readonly path: NetworkPath
  readonly services: ServicePoller
  readonly sessions: ManagedSessionStore
  readonly controller: EdgeController
  readonly #http: HttpClient
  readonly #pool: ControllerPool
  readonly #authenticator: Authenticator
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Log
  readonly #stopping = createDeferred<never>()
  #identity: IdentityInfo | undefined
  #missingAt: Milliseconds = -Infinity
  #started: Promise<void> | undefined
  #stopped = false

  constructor(options: ControllerSessionOptions) {
    const { credentials, path = {}, clock = systemClock, random = Math.random, log = silentLog } = options
    const common = { clock, random, log }
    this.credentials = credentials
    this.path = path
    this.#clock = clock
    this.#random = random
    this.#log = log
    this.#stopping.promise.catch(() => {})
    this.#http = createHttpClient({ credentials, path, clock, timeout: options.requestTimeout })
    this.#pool = createControllerPool({ urls: options.controllers, random, log })
    const rest = createRestClient(this.#http, this.#pool)
    this.#authenticator = createAuthenticator({ ...common, rest, credentials, auth: options.auth, application: options.application })
    const controller = createEdgeController({ rest, authenticated: (call) => this.#authenticator.authenticated(call) })
    this.controller = controller
    this.services = createServicePoller({ ...common, controller, interval: options.pollInterval })
    this.sessions = createSessionStore({ ...common, controller, serviceMissing: () => this.#serviceMissing() })
    // First of the listeners, so that none of the others meets a session of before.
    this.onToken((_session, change) => {
      if (change === 'replaced') this.#loggedIn()
    })
    this.services.watch(({ kind, service }) => {
      if (kind !== 'added') this.sessions.forget(service.id)
    })
  }

  identity(): IdentityInfo {
    return this.#identity ?? notStarted()
  }

  current(): ApiSession {
    return this.#authenticator.current() ?? notStarted()
  }

  onToken(listener: TokenListener): Unsubscribe {
    return this.#authenticator.onToken(listener)
  }

  tokenRefused(session: ApiSession): Promise<ApiSession> {
    return this.#authenticator.renew(session)
  }

  serviceRouters(serviceId: string): Promise<readonly RouterAddress[]> {
    return this.controller.serviceEdgeRouters(serviceId)
  }

  identityRouters(): Promise<readonly RouterAddress[]> {
    return this.controller.currentIdentityEdgeRouters()
  }

  start(): Promise<void> {
    return (this.#started ??= this.#start())
  }

  async #start(): Promise<void> {
    await this.#authenticator.start()
    this.#identity = await this.#readIdentity()
    await this.#learnControllers()
    await this.services.start()
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#stopping.reject(new CodedError('overlay.closed', 'The identity was stopped.'))
    this.services.stop()
    this.sessions.close()
    await this.#authenticator.stop()
    this.#http.close()
  }

  #loggedIn(): void {
    this.sessions.clear()
    // Costs and name may have changed while we were away; what we know is good enough if this fails.
    if (this.#identity !== undefined) this.controller.currentIdentity().then((identity) => (this.#identity = identity), () => {})
  }

  async #readIdentity(): Promise<IdentityInfo> {
    const failures = createFailureLog({ log: this.#log, source: 'edge/controller.identity', what: 'reading the identity', clock: this.#clock })
    const backoff = createBackoff({ first: 1000, max: 60_000, random: this.#random })
    for (;;) {
      try {
        const identity = await this.controller.currentIdentity()
        failures.succeeded()
        return identity
      } catch (error) {
        if (this.#stopped) throw error
        failures.failed(toCodedError(error, 'controller.failed'))
        const wait = new Promise<void>((resolve) => void this.#clock.after(backoff.next(), resolve))
        await Promise.race([wait, this.#stopping.promise])
      }
    }
  }

  /** Section 7.4. Without the others all works as long as this one does. */
  async #learnControllers(): Promise<void> {
    try {
      this.#pool.add(await this.controller.controllers())
    } catch (error) {
      const reason = isCodedError(error) ? error.message : String(error)
      this.#log('info', 'edge/controller.session', `the list of controllers cannot be read: ${reason}`)
    }
  }

  #serviceMissing(): void {
    if (this.#clock.now() - this.#missingAt < missingInterval) return
    this.#missingAt = this.#clock.now()
    // The regular poll says what is wrong.
    this.services.pollNow().catch(() => {})
  }
}

function notStarted(): never {
  throw new CodedError('overlay.not-started', 'The identity is not started yet: wait for start().')
}
