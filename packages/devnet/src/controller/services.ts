import type { ApiSession } from '../state/api-sessions.ts'
import { includesConfigType } from '../state/config-type.ts'
import { permissionsOf, policiesOf, servicesOf } from '../state/network-state.ts'
import type { Policy } from '../state/policy.ts'
import type { PostureCheck } from '../state/posture-check.ts'
import { isPassing } from '../state/posture-check.ts'
import type { Service } from '../state/service.ts'
import type { TerminatorRecord } from '../state/terminators.ts'
import type { Call } from './call.ts'
import type { Caller, ControllerContext, Route, SessionHandler } from './context.ts'
import { onlineRouters, serviceRouterView } from './edge-router-view.ts'
import { entityHead, serviceLinks, serviceReference } from './entity.ts'
import { page } from './page.ts'
import type { Reply } from './reply.ts'
import { fail, succeed } from './reply.ts'

export const serviceRoutes: readonly Route[] = [
  {
    method: 'GET', path: '/services',
    handle: (call, context, caller) => {
      const services = servicesOf(context.state, caller.identity)
      return page(call, services, serviceFields, (service) => view(service, call, context, caller))
    },
  },
  { method: 'GET', path: '/services/:id', handle: ofService((service, call, context, caller) => succeed(view(service, call, context, caller))) },
  {
    method: 'GET', path: '/services/:id/edge-routers',
    handle: ofService((_service, _call, { state }) => succeed({ edgeRouters: onlineRouters(state).map(serviceRouterView) })),
  },
  {
    method: 'GET', path: '/services/:id/terminators',
    handle: ofService((service, call, { state }) =>
      page(call, state.terminators.list(service.id), terminatorFields, (terminator) => terminatorView(terminator, service))),
  },
]

type ServiceHandler = (service: Service, call: Call, context: ControllerContext, caller: Caller) => Reply

/** A service that the caller may not use is not there for it. */
function ofService(handle: ServiceHandler): SessionHandler {
  return (call, context, caller) => {
    const service = context.state.services.get(call.parameters['id'] ?? '')
    if (service === undefined || permissionsOf(context.state, caller.identity, service).length === 0) return fail('NOT_FOUND')
    return handle(service, call, context, caller)
  }
}

function view(service: Service, call: Call, { state }: ControllerContext, { session, identity }: Caller) {
  const asked = call.query.getAll('configTypes')
  const configTypes = asked.length > 0 ? asked : session.configTypes
  const policies = policiesOf(state, identity, service)
  const configs = service.configs.filter(({ type }) => includesConfigType(configTypes, type))
  return {
    ...entityHead('services', service, serviceLinks),
    config: Object.fromEntries(configs.map(({ type, value }) => [type, value])),
    configs: service.configs.length === 0 ? null : service.configs.map(({ id }) => id),
    encryptionRequired: service.encryptionRequired,
    maxIdleTimeMillis: 0,
    name: service.name,
    permissions: policies.map(({ type }) => type),
    postureQueries: policies.map((policy) => postureQueriesView(policy, service, session)),
    roleAttributes: service.roleAttributes,
    terminatorStrategy: 'smartrouting',
  }
}

function postureQueriesView(policy: Policy, service: Service, session: ApiSession) {
  const checks = policy.type === 'Dial' ? service.postureChecks : []
  const postureQueries = checks.map((check) => postureQueryView(check, session))
  return { isPassing: postureQueries.every((query) => query.isPassing), policyId: policy.id, policyType: policy.type, postureQueries }
}

function postureQueryView(check: PostureCheck, session: ApiSession) {
  const { options } = check
  return {
    ...entityHead('posture-checks', check),
    isPassing: isPassing(check, session.posture),
    ...options.type === 'PROCESS' && { process: { osType: options.os, path: options.path } },
    processes: null,
    queryType: options.type,
    timeout: -1,
    timeoutRemaining: -1,
  }
}

function terminatorView(terminator: TerminatorRecord, service: Service) {
  return {
    ...entityHead('terminators', terminator),
    identity: terminator.instance,
    routerId: terminator.routerId,
    service: serviceReference(service),
    serviceId: service.id,
  }
}

const serviceFields = ['name', 'terminatorStrategy', 'tags', 'configs', 'updatedAt', 'isSystem', 'id', 'createdAt', 'roleAttributes']

const terminatorFields = [
  'sourceCtrl', 'service', 'service.name', 'createdAt', 'updatedAt', 'tags', 'binding', 'router', 'router.name', 'id', 'isSystem',
  'address', 'instanceId', 'hostId',
]
