import type { Log, Milliseconds } from '@tunnel/flow'
import { silentLog } from '@tunnel/flow'
import type { CreatedIdentity, IdentityJson, IdentityOptions } from './admin/identity-admin.ts'
import type { DialRefusal, RouterAdmin } from './admin/router-admin.ts'
import { startRouters } from './admin/router-admin.ts'
import { saveNetwork } from './admin/save.ts'
import type { Permission, ServiceOptions } from './admin/service-admin.ts'
import type { ControlPlane } from './control-plane.ts'
import { startControlPlane } from './control-plane.ts'
import type { AuthMode } from './controller/context.ts'
import type { Refusal } from './controller/faults.ts'
import type { Terminator } from './router/authority.ts'
import type { RouterStats } from './router/counters.ts'

export interface NetworkOptions {
  /** How many (`router-1`, ...), or their names; 1 by default. */
  readonly routers?: number | readonly string[]
  /** Where everything listens, `127.0.0.1` by default; ports are those that the system gives. */
  readonly host?: string
  /** More names and addresses for the server certificates. */
  readonly names?: readonly string[]
  /** Which logins the controller has and advertises; `both` by default. */
  readonly auth?: AuthMode
  /** Milliseconds: of access tokens and idle legacy sessions (30 min), and of refresh tokens (24 h). */
  readonly tokenLife?: Milliseconds | { readonly access?: Milliseconds; readonly refresh?: Milliseconds }
  /** Milliseconds since the epoch; for tests that move time. */
  readonly now?: () => number
  readonly log?: Log
}

/** A delay of every answer: of the controller, of a router, or of the link of two routers (one way). 0 ends it. */
export type Delay =
  | { readonly controller: Milliseconds }
  | { readonly router: string; readonly by: Milliseconds }
  | { readonly link: readonly [string, string]; readonly by: Milliseconds }

/** A running network. Names of identities, services and routers are those given at their creation. */
export interface Network {
  /** `https://127.0.0.1:<port>`; an enrolled client is configured by its identity file instead. */
  readonly controllerUrl: string
  /** PEM of intermediate and root: the trust bundle. */
  readonly caPem: string
  readonly routers: readonly string[]

  createIdentity(name: string, options?: IdentityOptions): Promise<CreatedIdentity>
  /** The file of an enrolled client; enrolls the identity at the first call, which spends its token. */
  identityJson(name: string): IdentityJson
  deleteIdentity(name: string): void
  createService(name: string, options?: ServiceOptions): { readonly id: string; readonly name: string }
  /** Changes what is given. `dial` and `bind` replace those who may. */
  updateService(name: string, changes: ServiceOptions): void
  deleteService(name: string): void
  allow(permission: Permission): void
  /** Their service sessions end, and with them circuits and binds. */
  deny(permission: Permission): void
  /** Where circuits of the service can end now. */
  terminators(service: string): readonly Terminator[]
  routerStats(name: string): RouterStats

  /** Ends the router at once, as `kill -9`. */
  killRouter(name: string): void
  /** A killed router comes back on its port. */
  startRouter(name: string): Promise<void>
  /** Reads and writes nothing any more, with all connections open. */
  freezeRouter(name: string): void
  resumeRouter(name: string): void
  /** Closes the channels of a router, or of an identity on all routers; returns how many. */
  dropChannels(routerOrIdentity: string): number
  /** Two routers cannot reach each other: circuits between them end. */
  killLink(left: string, right: string): void
  mendLink(left: string, right: string): void
  delay(delay: Delay): void
  /** Tokens of the identity, or of all, end now: legacy sessions and access tokens, refresh tokens only if asked. */
  expireTokens(identity?: string, options?: { readonly refreshTokens?: boolean }): void
  /** The controller refuses logins with the identity's present certificate. */
  expireCertificates(identity: string): void
  /** The next requests to the controller fail. */
  refuseRequests(refusal: Refusal): void
  /** The next dials fail at the router. */
  refuseDials(refusal: DialRefusal): void
  /** Stopped, it has no port and its connections are gone; sessions live on. It starts on the same port. */
  readonly controller: { stop(): Promise<void>; start(): Promise<void> }

  /** Writes identity files and enrollment tokens, for other programs; returns the paths. */
  save(directory: string): Promise<readonly string[]>
  close(): Promise<void>
}

const minute = 60_000
const ownNames = ['127.0.0.1', '::1', 'localhost']

/** Starts controller and routers; resolves when all of them listen. */
export async function createNetwork(options: NetworkOptions = {}): Promise<Network> {
  const { host = '127.0.0.1', names = [], auth = 'both', now = Date.now, log = silentLog } = options
  const hosts = [...new Set([...ownNames, host, ...names])]
  const plane = await startControlPlane({ host, hosts, auth, now, log, tokenLife: tokenLifeOf(options.tokenLife) })
  try {
    const routers = await startRouters({
      state: plane.state, certificates: plane.certificates, names: routerNames(options.routers), host, hosts, log,
    })
    return assemble(plane, routers)
  } catch (error) {
    await plane.close()
    throw error
  }
}

function tokenLifeOf(life: NetworkOptions['tokenLife']) {
  const { access = 30 * minute, refresh = 24 * 60 * minute } = typeof life === 'number' ? { access: life } : life ?? {}
  return { access, refresh }
}

function routerNames(routers: NetworkOptions['routers'] = 1): readonly string[] {
  return typeof routers === 'number' ? Array.from({ length: routers }, (_, index) => `router-${index + 1}`) : routers
}

function assemble(plane: ControlPlane, routers: RouterAdmin): Network {
  const { identities, services, faults, certificates } = plane
  return {
    controllerUrl: plane.origin,
    caPem: certificates.bundlePem,
    routers: routers.names,
    createIdentity: identities.create,
    identityJson: identities.json,
    deleteIdentity: identities.delete,
    createService: services.create,
    updateService: services.update,
    deleteService: services.delete,
    allow: services.allow,
    deny: services.deny,
    terminators: services.terminators,
    routerStats: routers.stats,
    killRouter: routers.kill,
    startRouter: routers.start,
    freezeRouter: routers.freeze,
    resumeRouter: routers.resume,
    killLink: routers.cutLink,
    mendLink: routers.mendLink,
    refuseDials: routers.refuseDials,
    dropChannels: (name) => (routers.has(name) ? routers.dropRouter(name) : routers.dropIdentity(identities.find(name).id)),
    delay(delay) {
      if ('controller' in delay) faults.delay = delay.controller
      else if ('router' in delay) routers.delay(delay.router, delay.by)
      else routers.delayLink(...delay.link, delay.by)
    },
    ...expiry(plane),
    refuseRequests: (refusal) => faults.refuse(refusal),
    controller: { stop: plane.stop, start: plane.start },
    save: (directory) => saveNetwork(directory, identities, certificates.bundlePem),
    async close() {
      await routers.close()
      await plane.close()
    },
  }
}

function expiry({ identities, state }: ControlPlane): Pick<Network, 'expireTokens' | 'expireCertificates'> {
  return {
    expireTokens(name, { refreshTokens = false } = {}) {
      const id = name === undefined ? undefined : identities.find(name).id
      state.apiSessions.expire((session) => id === undefined || session.identityId === id, { refreshTokens })
    },
    expireCertificates(name) {
      const { authenticator } = identities.find(name)
      if (authenticator !== undefined) authenticator.expired = true
    },
  }
}
