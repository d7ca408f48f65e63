import type { ApiSession, ApiSessions } from './api-sessions.ts'
import { createApiSessions } from './api-sessions.ts'
import type { EdgeRouter } from './edge-router.ts'
import type { Enrollments } from './enrollments.ts'
import { createEnrollments } from './enrollments.ts'
import { createCuid } from './id.ts'
import type { Identity } from './identity.ts'
import type { Policy, PolicyType } from './policy.ts'
import { permits } from './policy.ts'
import { isPassing } from './posture-check.ts'
import type { Service } from './service.ts'
import type { ServiceSession, ServiceSessions } from './service-sessions.ts'
import { createServiceSessions } from './service-sessions.ts'
import type { Terminators } from './terminators.ts'
import { createTerminators } from './terminators.ts'

/** Milliseconds. */
export interface TokenLife {
  /** Legacy sessions without a call, and access and id tokens. */
  readonly access: number
  readonly refresh: number
}

/** All that the controller knows, in memory. Keys of the maps are ids, of policies `policyKey`. */
export interface NetworkState {
  /** Milliseconds since the epoch: the time that tokens and answers carry. */
  readonly now: () => number
  readonly instanceId: string
  readonly startedAt: number
  readonly tokenLife: TokenLife
  readonly identities: Map<string, Identity>
  readonly services: Map<string, Service>
  readonly policies: Map<string, Policy>
  readonly routers: Map<string, EdgeRouter>
  readonly apiSessions: ApiSessions
  readonly serviceSessions: ServiceSessions
  readonly terminators: Terminators
  readonly enrollments: Enrollments
  /** When services, policies or posture last changed (protocol section 2.10). */
  lastChangeAt: number
}

export function createNetworkState(options: { now: () => number; tokenLife: TokenLife }): NetworkState {
  const { now, tokenLife } = options
  const state: NetworkState = {
    now,
    tokenLife,
    instanceId: createCuid(now()),
    startedAt: now(),
    lastChangeAt: now(),
    identities: new Map(),
    services: new Map(),
    policies: new Map(),
    routers: new Map(),
    apiSessions: createApiSessions(now, tokenLife.access),
    serviceSessions: createServiceSessions(),
    terminators: createTerminators(now),
    enrollments: createEnrollments(now),
  }
  state.apiSessions.onEnded((id) => {
    // An OIDC session whose access token expired is announced too, but goes on: so do its service sessions.
    if (state.apiSessions.get(id) === undefined) state.serviceSessions.removeWhere((session) => session.apiSessionId === id)
  })
  return state
}

/**
 * Call after each change of services, policies or posture: clients that poll will see it, and service sessions end that
 * are allowed no longer. The time is later than that of any change before, even within one millisecond.
 */
export function recordChange(state: NetworkState): void {
  state.lastChangeAt = Math.max(state.now(), state.lastChangeAt + 1)
  state.serviceSessions.removeWhere((session) => !isAllowed(state, session))
}

/** Whether policies and posture still give what the session is for. */
export function isAllowed(state: NetworkState, { identityId, serviceId, apiSessionId, type }: ServiceSession): boolean {
  const identity = state.identities.get(identityId)
  const service = state.services.get(serviceId)
  const apiSession = state.apiSessions.get(apiSessionId)
  if (identity === undefined || service === undefined || apiSession === undefined) return false
  return permissionsOf(state, identity, service).includes(type) && isPosturePassing(service, type, apiSession)
}

export function findByName<T extends { readonly name: string }>(records: ReadonlyMap<string, T>, name: string): T | undefined {
  for (const record of records.values()) if (record.name === name) return record
  return undefined
}

/** The identity that logs in with this certificate. */
export function identityOfCertificate(state: NetworkState, fingerprint: string): Identity | undefined {
  for (const identity of state.identities.values()) if (identity.authenticator?.fingerprint === fingerprint) return identity
  return undefined
}

const policyTypes: readonly PolicyType[] = ['Dial', 'Bind']

export const policyKey = (type: PolicyType, serviceId: string): string => `${type} ${serviceId}`

/** The policies that give an identity a service, Dial before Bind. */
export function policiesOf(state: NetworkState, identity: Identity, service: Service): readonly Policy[] {
  return policyTypes.flatMap((type) => {
    const policy = state.policies.get(policyKey(type, service.id))
    return policy !== undefined && permits(policy, identity) ? [policy] : []
  })
}

export function permissionsOf(state: NetworkState, identity: Identity, service: Service): readonly PolicyType[] {
  return policiesOf(state, identity, service).map((policy) => policy.type)
}

/** Posture is demanded of those who dial. */
export function isPosturePassing(service: Service, type: PolicyType, session: ApiSession): boolean {
  return type === 'Bind' || service.postureChecks.every((check) => isPassing(check, session.posture))
}

/** The services that an identity may use, in the order of their ids, as a real controller lists them. */
export function servicesOf(state: NetworkState, identity: Identity): readonly Service[] {
  return [...state.services.values()]
    .filter((service) => permissionsOf(state, identity, service).length > 0)
    .sort((left, right) => (left.id < right.id ? -1 : 1))
}
