import { CodedError, isCodedError, silentLog, systemClock, toCodedError, type Cancel, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import { createBackoff } from '../controller/backoff.ts'
import { createDeferred } from '../controller/deferred.ts'
import { createFailureLog } from '../controller/failure-log.ts'
import { between, type Random } from '../controller/random.ts'
import type { RestClient } from '../controller/rest-client.ts'
import type { ApiSession, TlsCredentials, TokenChange, TokenListener, Unsubscribe } from '../controller/types.ts'
import { sdkVersion } from '../version.ts'
import { chooseLogin, type LoginKind } from './choose-login.ts'
import type { ApplicationInfo } from './client-info.ts'
import type { Login } from './login.ts'

export interface AuthenticatorOptions {
  readonly rest: RestClient
  readonly credentials: TlsCredentials
  readonly auth?: LoginKind
  readonly application?: ApplicationInfo
  readonly clock?: Clock
  /** Milliseconds since the epoch, for explanations only. */
  readonly wallClock?: () => number
  readonly random?: Random
  readonly log?: Log
}

/** Keeps one identity logged in. */
export interface Authenticator {
  /** The login of now; absent before the first. */
  current(): ApiSession | undefined
  /** Resolves with the first login. Tries for ever while no controller answers; rejects, and stops, when the identity is refused. */
  start(): Promise<ApiSession>
  /**
   * The login that came after `refused`. Logs in when there is none: once for all who ask, and not before the time that a
   * failure or a login just made asks for; until then it rejects at once.
   */
  renew(refused: ApiSession): Promise<ApiSession>
  /** Runs `call` with the login of now; when the controller answers 401, once more with a new one. */
  authenticated<T>(call: (session: ApiSession) => Promise<T>): Promise<T>
  onToken(listener: TokenListener): Unsubscribe
  /** Logs out where that means something. Waits for nothing that fails. */
  stop(): Promise<void>
}

// Protocol section 9.
const firstWait = 5000
const maxWait = 60_000
const refreshRetry = 5000
const logoutPatience = 2000

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  return new Keeper(options)
}

class Keeper implements Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #backoff
  readonly #failures
  readonly #listeners = new Set<TokenListener>()
  #login: Login | undefined
  #session: ApiSession | undefined
  /** Set while a login is being made. */
  #attempt: Promise<ApiSession> | undefined
  /** No login is tried before this time; `#refusal` is why. */
  #notBefore: Milliseconds = -Infinity
  #refusal: CodedError | undefined
  #cancelTimer: Cancel = () => {}
  #stopped = false
  /** Ends the wait of `start`. */
  #giveUp: (error: CodedError) => void = () => {}

  constructor(options: AuthenticatorOptions) {
    const { clock = systemClock, random = Math.random, log = silentLog } = options
    this.#options = options
    this.#clock = clock
    this.#random = random
    this.#backoff = createBackoff({ first: firstWait, max: maxWait, random })
    this.#failures = createFailureLog({ log, source: 'edge/auth.login', what: 'login', clock })
  }

  current(): ApiSession | undefined {
    return this.#session
  }

  onToken(listener: TokenListener): Unsubscribe {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start(): Promise<ApiSession> {
    if (this.#stopped) return Promise.reject(stoppedError())
    return new Promise((resolve, reject) => {
      this.#giveUp = reject
      const unsubscribe = this.onToken((session) => {
        unsubscribe()
        resolve(session)
      })
      // Its failure comes through `#giveUp`, or is not the end.
      this.#logIn().catch(() => {})
    })
  }

  async renew(refused: ApiSession): Promise<ApiSession> {
    if (this.#session !== undefined && this.#session.token !== refused.token) return this.#session
    if (this.#attempt !== undefined) return this.#attempt
    if (this.#clock.now() < this.#notBefore) {
      // A wait for a failed login has its timer; one after a success has not.
      if (this.#refusal === undefined) this.#again(this.#notBefore - this.#clock.now())
      throw this.#refusal ?? new CodedError('auth.refused-again', 'The controller refuses a login that was made some seconds ago.')
    }
    return this.#logIn()
  }

  async authenticated<T>(call: (session: ApiSession) => Promise<T>): Promise<T> {
    const session = this.#session
    if (session === undefined) throw this.#refusal ?? new CodedError('overlay.not-started', 'There is no login yet.')
    try {
      return await call(session)
    } catch (error) {
      if (this.#stopped || !isCodedError(error, 'controller.unauthorized')) throw error
      return await call(await this.renew(session))
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#cancelTimer()
    this.#listeners.clear()
    this.#giveUp(stoppedError())
    await this.#logOut(this.#login)
  }

  /** The token may have ended, the controller be gone: nothing to be done about either, nor to be waited for. */
  async #logOut(login: Login | undefined): Promise<void> {
    if (login === undefined) return
    const patience = createDeferred<void>()
    const cancel = this.#clock.after(logoutPatience, () => patience.resolve())
    await Promise.race([login.logout().catch(() => {}), patience.promise])
    cancel()
  }

  #logIn(): Promise<ApiSession> {
    if (this.#stopped) return Promise.reject(stoppedError())
    this.#cancelTimer()
    this.#attempt ??= this.#tryLogIn().finally(() => {
      this.#attempt = undefined
    })
    return this.#attempt
  }

  async #tryLogIn(): Promise<ApiSession> {
    try {
      const login = await this.#oneLogin()
      if (this.#stopped) {
        await this.#logOut(login)
        throw stoppedError()
      }
      this.#backoff.reset()
      this.#failures.succeeded()
      this.#refusal = undefined
      this.#notBefore = this.#clock.now() + firstWait
      this.#login = login
      this.#adopt(login.session, 'replaced')
      return login.session
    } catch (thrown) {
      const error = toCodedError(thrown, 'auth.failed')
      if (!this.#stopped) this.#loginFailed(error)
      throw error
    }
  }

  #loginFailed(error: CodedError): void {
    this.#refusal = error
    if (this.#session === undefined && isFinal(error)) {
      this.#giveUp(error)
      void this.stop()
      return
    }
    this.#failures.failed(error)
    const wait = Math.max(this.#backoff.next(), Number(error.detail['retryAfter'] ?? 0))
    this.#notBefore = this.#clock.now() + wait
    this.#again(wait)
  }

  #oneLogin(): Promise<Login> {
    const { rest, credentials, auth = 'auto', log = silentLog, wallClock = Date.now } = this.#options
    const { cert, key } = credentials
    if (cert === undefined || key === undefined) {
      const message = 'The identity has no certificate and key; other logins (external JWT, password) are not supported yet.'
      return Promise.reject(new CodedError('auth.no-certificate', message))
    }
    const application = this.#options.application ?? { appId: 'ziti-sdk-ts', appVersion: sdkVersion }
    return rest.pool.run((base) => chooseLogin(auth, { rest, base, application, cert, clock: this.#clock, wallClock, log }))
  }

  #again(wait: Milliseconds): void {
    this.#after(wait, () => {
      this.#logIn().catch(() => {})
    })
  }

  #adopt(session: ApiSession, change: TokenChange): void {
    const old = this.#session
    this.#session = session
    // Section 2.5: at random, so that the clients of a network do not come all at once.
    const remaining = Math.max(session.expiresAt - this.#clock.now(), 0)
    this.#after(Math.max(remaining * between(1 / 2, 5 / 6, this.#random), 1000), () => void this.#refresh(false))
    if (old?.token === session.token) return
    for (const listener of this.#listeners) listener(session, change)
  }

  async #refresh(retried: boolean): Promise<void> {
    const login = this.#login
    if (login === undefined) return
    try {
      const session = await login.refresh()
      if (this.#current(login)) this.#adopt(session, 'refreshed')
    } catch (thrown) {
      if (!this.#current(login)) return
      const error = toCodedError(thrown, 'auth.failed')
      const log = this.#options.log ?? silentLog
      log('warn', 'edge/auth.refresh', `refresh of the login failed: ${error.message}`, { code: error.code })
      // A refusal will be the same in 5 s, and the old token is good for some time: log in anew at once.
      if (retried || isRefusal(error)) this.#again(0)
      else this.#after(refreshRetry, () => void this.#refresh(true))
    }
  }

  /** False when another login came, or is coming, while this one was being refreshed. */
  #current(login: Login): boolean {
    return !this.#stopped && this.#login === login && this.#attempt === undefined
  }

  /** There is one timer: for the next refresh, or the next login. */
  #after(wait: Milliseconds, call: () => void): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#clock.after(wait, call)
  }
}

/** Waiting does not help: a person must do something. */
function isFinal(error: CodedError): boolean {
  return error.code.startsWith('auth.') && error.code !== 'auth.protocol' && error.code !== 'auth.failed'
}

function isRefusal(error: CodedError): boolean {
  return error.code === 'controller.unauthorized' || error.code === 'controller.refused' || error.code.startsWith('auth.')
}

function stoppedError(): CodedError {
  return new CodedError('overlay.closed', 'The identity was stopped.')
}
