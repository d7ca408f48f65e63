import { randomUUID } from 'node:crypto'
import type { ClientInfo } from './client-info.ts'
import { createCuid } from './id.ts'
import type { PostureData } from './posture-check.ts'

export interface ApiSession {
  readonly id: string
  readonly kind: 'legacy' | 'oidc'
  readonly identityId: string
  readonly authenticatorId: string
  /** Certificates (SHA-1) that may use the session: that of the login and session certificates. */
  readonly fingerprints: Set<string>
  readonly configTypes: readonly string[]
  readonly createdAt: number
  /** As the controller shows it: with the port for OIDC. */
  readonly ipAddress: string
  readonly sdkInfo: ClientInfo
  readonly envInfo: ClientInfo
  readonly posture: PostureData
  /** The `zt-session` token; empty for OIDC, whose tokens are issued. */
  readonly token: string
  lastActivityAt: number
  /** Legacy: moves with each call. OIDC: when its last refresh token ends. */
  endsAt: number
}

export interface IssuedToken {
  readonly session: ApiSession
  readonly use: 'access' | 'refresh'
  readonly clientId: string
  readonly scopes: readonly string[]
  /** When the person or program logged in, which a refresh does not change. */
  readonly authenticatedAt: number
  expiresAt: number
}

export type OpenApiSession =
  Pick<ApiSession, 'kind' | 'identityId' | 'authenticatorId' | 'configTypes' | 'ipAddress' | 'sdkInfo' | 'envInfo'>
  & { readonly fingerprint: string; readonly life: number }

export interface ApiSessions {
  open(options: OpenApiSession): ApiSession
  get(id: string): ApiSession | undefined
  /** The live session of a `zt-session` token or an access token. `expiresAt` is the end of that token. */
  find(token: string): { session: ApiSession; expiresAt: number } | undefined
  issue(token: string, issued: IssuedToken): void
  refreshToken(token: string): IssuedToken | undefined
  touch(session: ApiSession): void
  end(id: string): void
  /** Ends what the identities' clients hold now: legacy sessions, access tokens and, if asked, refresh tokens. */
  expire(isMeant: (session: ApiSession) => boolean, options: { refreshTokens: boolean }): void
  list(): readonly ApiSession[]
  onEnded(listener: (id: string) => void): () => void
  /** Forgets what has ended. Called every second. */
  sweep(): void
}

/** Beyond it the oldest session ends: a client that logs in for ever cannot fill the memory. */
const maximumSessions = 10_000

/** `legacyLife` in milliseconds: how long a legacy session lives without a call. */
export function createApiSessions(now: () => number, legacyLife: number): ApiSessions {
  return new ApiSessionTable(now, legacyLife)
}

class ApiSessionTable implements ApiSessions {
  readonly #now: () => number
  readonly #legacyLife: number
  readonly #sessions = new Map<string, ApiSession>()
  readonly #byLegacyToken = new Map<string, ApiSession>()
  readonly #tokens = new Map<string, IssuedToken>()
  readonly #listeners = new Set<(id: string) => void>()

  constructor(now: () => number, legacyLife: number) {
    this.#now = now
    this.#legacyLife = legacyLife
  }

  open(options: OpenApiSession): ApiSession {
    const session = createSession(options, this.#now())
    this.#sessions.set(session.id, session)
    if (session.kind === 'legacy') this.#byLegacyToken.set(session.token, session)
    if (this.#sessions.size > maximumSessions) this.end(this.#sessions.keys().next().value ?? '')
    return session
  }

  get(id: string): ApiSession | undefined {
    return this.#sessions.get(id)
  }

  list(): readonly ApiSession[] {
    return [...this.#sessions.values()]
  }

  find(token: string): { session: ApiSession; expiresAt: number } | undefined {
    const issued = this.#tokens.get(token)
    if (issued?.use === 'access') return this.#isLive(issued) ? issued : undefined
    const session = this.#byLegacyToken.get(token)
    return session !== undefined && session.endsAt > this.#now() ? { session, expiresAt: session.endsAt } : undefined
  }

  issue(token: string, issued: IssuedToken): void {
    this.#tokens.set(token, issued)
    issued.session.endsAt = Math.max(issued.session.endsAt, issued.expiresAt)
  }

  refreshToken(token: string): IssuedToken | undefined {
    const issued = this.#tokens.get(token)
    return issued?.use === 'refresh' && this.#isLive(issued) ? issued : undefined
  }

  touch(session: ApiSession): void {
    session.lastActivityAt = this.#now()
    if (session.kind === 'legacy') session.endsAt = this.#now() + this.#legacyLife
  }

  end(id: string): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    this.#sessions.delete(id)
    this.#byLegacyToken.delete(session.token)
    for (const [token, issued] of this.#tokens) if (issued.session === session) this.#tokens.delete(token)
    this.#announce(id)
  }

  expire(isMeant: (session: ApiSession) => boolean, { refreshTokens }: { refreshTokens: boolean }): void {
    for (const issued of this.#tokens.values()) {
      if (isMeant(issued.session) && (refreshTokens || issued.use === 'access')) issued.expiresAt = this.#now()
    }
    for (const session of this.#sessions.values()) {
      if (!isMeant(session)) continue
      if (session.kind === 'legacy' || refreshTokens) this.end(session.id)
      else this.#announce(session.id)
    }
  }

  onEnded(listener: (id: string) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  sweep(): void {
    for (const [token, issued] of this.#tokens) if (issued.expiresAt <= this.#now()) this.#tokens.delete(token)
    for (const session of this.#sessions.values()) if (session.endsAt <= this.#now()) this.end(session.id)
  }

  #isLive({ session, expiresAt }: IssuedToken): boolean {
    return expiresAt > this.#now() && this.#sessions.has(session.id)
  }

  #announce(id: string): void {
    for (const listener of this.#listeners) listener(id)
  }
}

function createSession({ fingerprint, life, ...options }: OpenApiSession, now: number): ApiSession {
  const isLegacy = options.kind === 'legacy'
  return {
    ...options,
    id: isLegacy ? createCuid(now) : randomUUID(),
    token: isLegacy ? randomUUID() : '',
    fingerprints: new Set([fingerprint]),
    posture: new Map(),
    createdAt: now,
    lastActivityAt: now,
    endsAt: now + life,
  }
}
