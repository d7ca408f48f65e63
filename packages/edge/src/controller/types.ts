import type { LookupFunction, Socket } from 'node:net'
import type { Service } from '@tunnel/config'
import type { Milliseconds } from '@tunnel/flow'

export type Unsubscribe = () => void

/**
 * Opens a TCP connection and resolves when it is connected: for those who need sockets of their own (marked, bound).
 * Rejects with the reason, also when `signal` aborts.
 */
export type Connect = (target: { readonly host: string; readonly port: number }, signal: AbortSignal) => Promise<Socket>

/** The shape of `dns.lookup`. */
export type Lookup = LookupFunction

/** Sockets of one's own for the channels to routers, which Node reads as fast as those that it makes itself. */
export interface SocketSource {
  /** All addresses of a host, the best first; rejects when it has none. */
  resolve(host: string): Promise<readonly string[]>
  /** The descriptor of a TCP socket that is not connected; it is Node's from then on. */
  open(family: 4 | 6): number
}

/** How connections leave this host. All members are optional: plain sockets, the system's look-up, no proxy. */
export interface NetworkPath {
  readonly connect?: Connect
  /** Wins over `connect` for channels, unless a proxy is in the way. */
  readonly sockets?: SocketSource
  /** Used when `connect` is absent, which resolves by itself. */
  readonly lookup?: Lookup
  /** `http://user:password@host:port` of a proxy that knows CONNECT. */
  readonly proxy?: string
}

/** PEM texts (not locators) of an identity. */
export interface TlsCredentials {
  /** Chain, leaf first. */
  readonly cert?: string
  readonly key?: string
  /** Trust bundle for controllers and routers. */
  readonly ca?: string
}

/** A login that a controller gave us (protocol sections 2.4 to 2.6). Immutable: a refresh makes a new one. */
export interface ApiSession {
  readonly kind: 'oidc' | 'legacy'
  /** What a router's hello and UpdateToken carry. */
  readonly token: string
  /** A point of the `Clock`, reckoned from the lifetime given: a wrong wall clock does no harm. */
  readonly expiresAt: Milliseconds
  /** Id of the API session at the controller: stays through refreshes, changes with a new login. */
  readonly id?: string
  /** Request header of the controller's REST API. */
  header(): Readonly<Record<string, string>>
}

/**
 * `refreshed`: the same API session has a new token; send UpdateToken to the routers. `replaced`: a new API session:
 * service sessions of the old one are void, and routers that refuse the UpdateToken must be connected anew.
 */
export type TokenChange = 'refreshed' | 'replaced'
export type TokenListener = (session: ApiSession, change: TokenChange) => void

/** Where a router listens for edge clients. */
export interface RouterAddress {
  readonly name: string
  /** As the controller gave it: `tls://host:port`. Identifies the router. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** What the controller believes: a hint for the order, not for leaving it out. */
  readonly online: boolean
}

export type SessionType = 'Dial' | 'Bind'

/** A service session (protocol section 2.11). */
export interface ServiceSession {
  readonly id: string
  readonly token: string
  readonly serviceId: string
  readonly type: SessionType
  /** Online ones first; may be empty. */
  readonly routers: readonly RouterAddress[]
}

export interface SessionRequest {
  /** Time for all attempts. Default 15 s. */
  readonly timeout?: Milliseconds
  readonly signal?: AbortSignal
}

/**
 * Service sessions, reused until they are invalidated. Errors: `dial.no-service`, `dial.posture`, `dial.no-router`,
 * `dial.timeout`, `dial.aborted`, `overlay.closed`, and those of the controller.
 */
export interface SessionStore {
  dial(serviceId: string, request?: SessionRequest): Promise<ServiceSession>
  bind(serviceId: string, request?: SessionRequest): Promise<ServiceSession>
  /**
   * A router said 'Invalid Session' (Connect or Bind, codes 2 and 3): the next use makes a new one. Pass the session
   * that failed, so that one made meanwhile by another circuit survives.
   */
  invalidate(session: ServiceSession): void
  /** After a failed dial: reads the routers of a kept session again. Resolves with the session as it is then. */
  refreshRouters(session: ServiceSession): Promise<ServiceSession>
  readonly size: number
  close(): void
}

/** A service with what the controller says beyond `Service`. */
export interface EdgeService extends Service {
  /** One entry per policy that gives access. */
  readonly postureQueries: readonly PolicyPosture[]
  readonly terminatorStrategy?: string
  readonly roleAttributes: readonly string[]
}

export interface PolicyPosture {
  readonly policyId: string
  readonly policyType: SessionType
  readonly isPassing: boolean
  readonly queries: readonly PostureQuery[]
}

export interface PostureQuery {
  readonly id: string
  /** `OS`, `PROCESS`, `PROCESS_MULTI`, `DOMAIN`, `MAC`, `MFA`. */
  readonly queryType: string
  readonly isPassing: boolean
  /** Paths of PROCESS and PROCESS_MULTI. */
  readonly processPaths: readonly string[]
}

export interface EdgeServiceChange {
  readonly kind: 'added' | 'changed' | 'removed'
  readonly service: EdgeService
  readonly previous?: EdgeService
}

export interface ServicePoller {
  /** By id. */
  readonly services: ReadonlyMap<string, EdgeService>
  /** By name; of several with one name the last in order of id. */
  readonly named: ReadonlyMap<string, EdgeService>
  /** Reports every present service as added, synchronously, then each change in order. */
  watch(listener: (change: EdgeServiceChange) => void): Unsubscribe
  /** Reads the service list now, whether or not the controller says that it changed. Concurrent calls share one read. */
  pollNow(): Promise<void>
  /** Resolves with the first list that was read; tries until then. */
  start(): Promise<void>
  stop(): void
}

export type Precedence = 'default' | 'required' | 'failed'

/** Has the shape of core's `OverlayIdentity`. */
export interface IdentityInfo {
  readonly id: string
  readonly name: string
  readonly appData: Readonly<Record<string, unknown>>
  readonly defaultHostingCost: number
  readonly defaultHostingPrecedence: Precedence
  readonly serviceHostingCosts: Readonly<Record<string, number>>
  readonly serviceHostingPrecedences: Readonly<Record<string, Precedence>>
}

/** What the data plane needs of the control plane of one identity. Made by `createControllerSession`. */
export interface ControllerSession {
  readonly credentials: TlsCredentials
  readonly path: NetworkPath
  /** Who we are. Throws `overlay.not-started` before `start` has resolved. */
  identity(): IdentityInfo
  /** The login of now. Throws `overlay.not-started` before `start` has resolved. */
  current(): ApiSession
  onToken(listener: TokenListener): Unsubscribe
  /**
   * A router refused the token of this login: logs in anew, unless that has happened meanwhile. Wait a little before:
   * a legacy token can be unknown to a router for some seconds after the login (protocol section 2.11).
   */
  tokenRefused(session: ApiSession): Promise<ApiSession>
  readonly services: ServicePoller
  readonly sessions: SessionStore
  /** Routers for a service, without a service session (controller 1.0 and later). */
  serviceRouters(serviceId: string): Promise<readonly RouterAddress[]>
  /** All routers of this identity: for warming up connections. */
  identityRouters(): Promise<readonly RouterAddress[]>
  /**
   * Logs in and reads identity and services. Tries for ever while controllers cannot be reached; rejects when they
   * refuse this identity for good, or when stopped.
   */
  start(): Promise<void>
  /** Ends polling and refreshing, logs out where that is possible, closes connections. */
  stop(): Promise<void>
}
