import { isCodedError } from '@tunnel/flow'
import { readAll } from './read-all.ts'
import type { RestClient, RestRequest } from './rest-client.ts'
import { controllersSchema } from './schemas/controllers.ts'
import { anyBody, type Page } from './schemas/envelope.ts'
import { identitySchema } from './schemas/identity.ts'
import { identityRoutersSchema, serviceRoutersSchema, usableRouters } from './schemas/router.ts'
import { servicesSchema, serviceUpdatesSchema, terminatorsSchema, type TerminatorInfo } from './schemas/service.ts'
import { sessionSchema } from './schemas/session.ts'
import { versionSchema, type ControllerVersion } from './schemas/version.ts'
import type { ApiSession, EdgeService, IdentityInfo, RouterAddress, ServiceSession, SessionType } from './types.ts'
import type { z } from 'zod'

export interface EdgeControllerOptions {
  readonly rest: RestClient
  /** Runs a call with the login of now: `Authenticator.authenticated`. */
  readonly authenticated: <T>(call: (session: ApiSession) => Promise<T>) => Promise<T>
}

/** The client API of a controller (protocol section 2). Every method rejects with the errors of `RestClient`. */
export interface EdgeController {
  version(): Promise<ControllerVersion>
  currentIdentity(): Promise<IdentityInfo>
  /** All services of this identity, with all their configs. */
  services(): Promise<readonly EdgeService[]>
  /** When the services of this identity changed last: compare for equality only. */
  serviceUpdates(): Promise<string>
  currentIdentityEdgeRouters(): Promise<readonly RouterAddress[]>
  serviceEdgeRouters(serviceId: string, sessionToken?: string): Promise<readonly RouterAddress[]>
  createSession(serviceId: string, type: SessionType): Promise<ServiceSession>
  /** Routers of a session that the controller stores: legacy logins only, else `controller.not-found`. */
  sessionEdgeRouters(sessionId: string): Promise<readonly RouterAddress[]>
  terminators(serviceId: string): Promise<readonly TerminatorInfo[]>
  /** Base URLs of all controllers of the network; none when the controller is too old to say. */
  controllers(): Promise<readonly string[]>
  /** One item of protocol section 2.12. */
  sendPosture(item: Readonly<Record<string, unknown>>): Promise<void>
}

export function createEdgeController({ rest, authenticated }: EdgeControllerOptions): EdgeController {
  const call = <T>(request: RestRequest, schema: z.ZodType<T>) =>
    authenticated((session) => rest.call({ ...request, headers: { ...session.header(), ...request.headers } }, schema))
  const list = <T>(path: string, schema: z.ZodType<Page<T>>, query: RestRequest['query'] = {}) =>
    readAll((window) => call({ method: 'GET', path, query: { ...query, ...window } }, schema))
  return {
    version: async () => (await rest.call({ method: 'GET', path: '/version' }, versionSchema)).data,
    currentIdentity: async () => (await call({ method: 'GET', path: '/current-identity' }, identitySchema)).data,
    services: () => list('/services', servicesSchema, { configTypes: 'all' }),
    async serviceUpdates() {
      const { data } = await call({ method: 'GET', path: '/current-api-session/service-updates' }, serviceUpdatesSchema)
      return data.lastChangeAt
    },
    currentIdentityEdgeRouters: async () => usableRouters(await list('/current-identity/edge-routers', identityRoutersSchema)),
    async serviceEdgeRouters(serviceId, sessionToken) {
      const headers: Record<string, string> = sessionToken === undefined ? {} : { 'session-token': sessionToken }
      const path = `/services/${encodeURIComponent(serviceId)}/edge-routers`
      return (await call({ method: 'GET', path, headers }, serviceRoutersSchema)).data.edgeRouters
    },
    async createSession(serviceId, type) {
      return (await call({ method: 'POST', path: '/sessions', json: { serviceId, type } }, sessionSchema)).data
    },
    async sessionEdgeRouters(sessionId) {
      const path = `/sessions/${encodeURIComponent(sessionId)}`
      return (await call({ method: 'GET', path }, sessionSchema)).data.routers
    },
    terminators: (serviceId) => list(`/services/${encodeURIComponent(serviceId)}/terminators`, terminatorsSchema),
    async controllers() {
      try {
        return (await list('/controllers', controllersSchema)).flat()
      } catch (error) {
        // Section 7.4: controllers that know no clusters.
        if (isCodedError(error) && (error.detail['status'] === 404 || error.detail['status'] === 501)) return []
        throw error
      }
    },
    async sendPosture(item) {
      await call({ method: 'POST', path: '/posture-response', json: item }, anyBody)
    },
  }
}
