import type { Identity } from '../state/identity.ts'
import { findByName } from '../state/network-state.ts'
import type { Call } from './call.ts'
import { parseJsonBody, textOf } from './call.ts'
import type { Caller, ControllerContext, Route } from './context.ts'
import { identityRouterView } from './edge-router-view.ts'
import { builtInReference, dateText, entityHead, identityReference } from './entity.ts'
import { page } from './page.ts'
import type { Reply } from './reply.ts'
import { fail, invalidField, succeed } from './reply.ts'

export const currentIdentityRoutes: readonly Route[] = [
  {
    method: 'GET', path: '/current-identity',
    handle: (_call, context, { identity }) => succeed(view(identity, context), { meta: null }),
  },
  {
    method: 'GET', path: '/current-identity/edge-routers',
    handle: (call, { state }) => page(call, [...state.routers.values()], routerFields, identityRouterView),
  },
  // Nobody here has a second factor.
  { method: 'GET', path: '/current-identity/mfa', handle: () => fail('NOT_FOUND') },
  {
    method: 'GET', path: '/current-identity/authenticators',
    handle: (call, _context, { identity }) => page(call, authenticatorsOf(identity), authenticatorFields, (one) => authenticatorView(one, identity)),
  },
  { method: 'POST', path: '/current-identity/authenticators/:id/extend', handle: extend },
  { method: 'POST', path: '/current-identity/authenticators/:id/extend-verify', handle: verifyExtension },
]

function view(identity: Identity, { state }: ControllerContext) {
  const { authenticator } = identity
  const byServiceId = <T>(values: Readonly<Record<string, T>>) => Object.fromEntries(Object.entries(values).flatMap(([name, value]) => {
    const service = findByName(state.services, name)
    return service === undefined ? [] : [[service.id, value]]
  }))
  return {
    ...entityHead('identities', identity),
    _links: { mfa: { href: './current-identity/mfa' }, self: { href: './current-identity' } },
    tags: identity.tags,
    appData: identity.appData,
    authPolicy: builtInReference('auth-policies', 'default', 'Default'),
    authPolicyId: 'default',
    authenticators: authenticator === undefined ? {} : { cert: { fingerprint: authenticator.fingerprint, id: authenticator.id } },
    defaultHostingCost: identity.defaultHostingCost,
    defaultHostingPrecedence: identity.defaultHostingPrecedence,
    disabled: false,
    edgeRouterConnectionStatus: 'offline',
    enrollment: {},
    envInfo: identity.envInfo,
    externalId: null,
    hasApiSession: true,
    hasEdgeRouterConnection: false,
    interfaces: null,
    isAdmin: false,
    isDefaultAdmin: false,
    isMfaEnabled: false,
    name: identity.name,
    permissions: null,
    roleAttributes: identity.roleAttributes,
    sdkInfo: identity.sdkInfo,
    serviceHostingCosts: byServiceId(identity.serviceHostingCosts),
    serviceHostingPrecedences: byServiceId(identity.serviceHostingPrecedences),
    type: builtInReference('identity-types', 'Default', 'Default'),
    typeId: 'Default',
  }
}

const authenticatorsOf = ({ authenticator }: Identity) => (authenticator === undefined ? [] : [authenticator])

function authenticatorView(authenticator: ReturnType<typeof authenticatorsOf>[number], identity: Identity) {
  return {
    ...entityHead('authenticators', authenticator),
    _links: { self: { href: `./current-identity/authenticators/${authenticator.id}` } },
    updatedAt: dateText(authenticator.updatedAt),
    certPem: authenticator.chainPem,
    fingerprint: authenticator.fingerprint,
    identity: identityReference(identity),
    identityId: identity.id,
    isIssuedByNetwork: true,
    lastAuthResolvedToRoot: true,
    method: 'cert',
  }
}

/** Renewal, first step: a certificate for a new request, not yet good for a login (protocol section 1.6). */
async function extend(call: Call, { certificates }: ControllerContext, { identity }: Caller): Promise<Reply> {
  const { authenticator } = identity
  if (authenticator === undefined || authenticator.id !== call.parameters['id']) return fail('NOT_FOUND')
  const csrPem = textOf(parseJsonBody(call)?.['clientCertCsr'])
  const certificate = await certificates.signRequest({ csrPem, name: identity.id, spiffe: `identity/${identity.id}` })
  if (certificate === undefined) return fail('COULD_NOT_PROCESS_CSR')
  authenticator.pending = certificate
  return succeed({ clientCert: certificate.chainPem, ca: certificates.bundlePem })
}

/** Renewal, second step: the client has it, so it takes the place of the old one. */
function verifyExtension(call: Call, { state }: ControllerContext, { identity }: Caller): Reply {
  const { authenticator } = identity
  if (authenticator === undefined || authenticator.id !== call.parameters['id']) return fail('NOT_FOUND')
  const given = textOf(parseJsonBody(call)?.['clientCert']).trim()
  const { pending } = authenticator
  if (pending === undefined || given === '' || !pending.chainPem.startsWith(given)) return invalidField('clientCert', 'certificate does not match', given)
  Object.assign(authenticator, { fingerprint: pending.fingerprint, chainPem: pending.chainPem, expired: false, updatedAt: state.now() })
  delete authenticator.pending
  return succeed({})
}

const routerFields = [
  'isTunnelerEnabled', 'createdAt', 'name', 'roleAttributes', 'id', 'fingerprint', 'noTraversal', 'tags', 'isVerified', 'disabled',
  'isSystem', 'cost', 'updatedAt', 'connected', 'online', 'ctrlChanListeners',
]

const authenticatorFields = [
  'updbPassword', 'isSystem', 'certPem', 'isExtendRequested', 'lastExtendRolledKeys', 'updbUsername', 'updbSalt', 'certFingerprint',
  'extendRequestedAt', 'publicKeyPrint', 'lastAuthResolvedToRoot', 'createdAt', 'updatedAt', 'isKeyRollRequested', 'identity', 'id',
  'tags', 'method', 'isIssuedByNetwork',
]
