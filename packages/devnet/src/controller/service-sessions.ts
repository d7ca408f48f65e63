import { createCuid } from '../state/id.ts'
import { isPosturePassing, permissionsOf, policiesOf, policyKey } from '../state/network-state.ts'
import type { NetworkState } from '../state/network-state.ts'
import type { PolicyType } from '../state/policy.ts'
import { isPassing } from '../state/posture-check.ts'
import type { Service } from '../state/service.ts'
import type { ServiceSession } from '../state/service-sessions.ts'
import type { Call } from './call.ts'
import { parseJsonBody, textOf } from './call.ts'
import type { Caller, ControllerContext, Route, SessionHandler } from './context.ts'
import { onlineRouters, sessionRouterView } from './edge-router-view.ts'
import { entityHead, links, policyReference, serviceReference } from './entity.ts'
import { page } from './page.ts'
import type { Reply } from './reply.ts'
import { fail, invalidField, succeed } from './reply.ts'

/** Service sessions (protocol section 2.11): permission to dial or bind one service. */
export const serviceSessionRoutes: readonly Route[] = [
  { method: 'POST', path: '/sessions', handle: create },
  {
    method: 'GET', path: '/sessions',
    handle: (call, { state }, { identity }) => {
      const stored = state.serviceSessions.list().filter((session) => session.isStored && session.identityId === identity.id)
      return page(call, stored, sessionFields, (session) => view(session, state))
    },
  },
  { method: 'GET', path: '/sessions/:id', handle: ofSession((session, { state }) => succeed(view(session, state))) },
  {
    method: 'DELETE', path: '/sessions/:id',
    handle: ofSession((session, { state }) => {
      state.serviceSessions.remove(session.id)
      return succeed({})
    }),
  },
]

const yearSeconds = 365 * 24 * 60 * 60

async function create(call: Call, context: ControllerContext, caller: Caller): Promise<Reply> {
  const { state, signer } = context
  const body = parseJsonBody(call)
  if (body === undefined) return fail('COULD_NOT_PARSE_BODY')
  const type = parseType(body['type'] ?? 'Dial')
  if (type === undefined) return invalidField('type', 'must be Dial or Bind', body['type'])
  const refused = refuse(textOf(body['serviceId']), type, state, caller)
  if (refused !== undefined) return refused
  const { session: apiSession, identity } = caller
  const id = createCuid(state.now())
  const serviceId = textOf(body['serviceId'])
  const issuedAt = Math.floor(state.now() / 1000)
  const token = await signer.sign({
    iss: context.origin(), sub: serviceId, aud: ['openziti'], exp: issuedAt + yearSeconds, iat: issuedAt, jti: id,
    z_asid: apiSession.id, z_iid: identity.id, z_t: 's', z_st: type, z_leg: apiSession.kind === 'legacy',
  })
  state.serviceSessions.add({
    id, token, apiSessionId: apiSession.id, identityId: identity.id, serviceId, type,
    createdAt: state.now(), isStored: apiSession.kind === 'legacy',
  })
  return succeed({
    _links: null, createdAt: null, id, updatedAt: null, apiSession: null, apiSessionId: apiSession.id,
    edgeRouters: onlineRouters(state).map(sessionRouterView), identityId: identity.id, service: null, serviceId, token, type,
  }, { status: 201 })
}

const parseType = (value: unknown): PolicyType | undefined => (value === 'Dial' || value === 'Bind' ? value : undefined)

function refuse(serviceId: string, type: PolicyType, state: NetworkState, { session, identity }: Caller): Reply | undefined {
  const service = state.services.get(serviceId)
  if (service === undefined) return fail('NOT_FOUND')
  const permissions = permissionsOf(state, identity, service)
  if (permissions.length === 0) return fail('NOT_FOUND')
  if (!permissions.includes(type)) return invalidField('ServiceId', 'service not found', serviceId)
  // With OIDC the routers judge posture: the controller gives the session (capture `oidc-session-dial-posture`).
  if (session.kind === 'legacy' && !isPosturePassing(service, type, session)) return invalidPosture(service, type, state, session)
  return onlineRouters(state).length === 0 ? fail('NO_EDGE_ROUTERS_AVAILABLE') : undefined
}

function invalidPosture(service: Service, type: PolicyType, state: NetworkState, session: Caller['session']): Reply {
  const policyId = state.policies.get(policyKey(type, service.id))?.id ?? ''
  const checks = service.postureChecks.map((check) => ({ id: check.id, isPassing: isPassing(check, session.posture), typeId: check.options.type }))
  const failed = checks.filter((check) => !check.isPassing)
  const message = `Failed to pass posture checks for service policies: [${policyId}]`
  return fail('INVALID_POSTURE', { cause: { data: { [policyId]: failed }, message } })
}

function ofSession(handle: (session: ServiceSession, context: ControllerContext) => Reply): SessionHandler {
  return (call, context, { identity }) => {
    const id = call.parameters['id'] ?? ''
    const session = context.state.serviceSessions.get(id)
    if (session?.isStored === true && session.identityId === identity.id) return handle(session, context)
    return fail('NOT_FOUND', { cause: { code: 'UNHANDLED', message: `session with id ${id} not found` } })
  }
}

/** A stored session shows its id for a token: the client has to keep the real one. */
function view(session: ServiceSession, state: NetworkState) {
  const service = state.services.get(session.serviceId)
  const identity = state.identities.get(session.identityId)
  const policies = service === undefined || identity === undefined ? [] : policiesOf(state, identity, service)
  return {
    ...entityHead('sessions', session, ['route-path']),
    apiSession: { _links: links('api-sessions', session.apiSessionId, ['sessions']), entity: 'api-sessions', id: session.apiSessionId },
    apiSessionId: session.apiSessionId,
    edgeRouters: onlineRouters(state).map(sessionRouterView),
    identityId: session.identityId,
    service: service === undefined ? null : serviceReference(service),
    serviceId: session.serviceId,
    token: session.id,
    type: session.type,
    servicePolicies: policies.filter((policy) => policy.type === session.type).map(policyReference),
  }
}

const sessionFields = ['id', 'createdAt', 'service', 'updatedAt', 'tags', 'isSystem', 'token', 'apiSession', 'type']
