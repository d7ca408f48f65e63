import type { ApiSession } from '../state/api-sessions.ts'
import { parseEnvironment, parseSdkInfo } from '../state/client-info.ts'
import type { Identity } from '../state/identity.ts'
import { createLongId } from '../state/id.ts'
import type { Call } from './call.ts'
import { parseJsonBody, textOf, textsOf } from './call.ts'
import type { Caller, ControllerContext, Route } from './context.ts'
import { checkCertificate } from './credentials.ts'
import { dateText, entityHead, identityReference } from './entity.ts'
import type { Reply } from './reply.ts'
import { fail, succeed } from './reply.ts'

export const apiSessionRoutes: readonly Route[] = [
  { method: 'POST', path: '/authenticate', open: authenticate },
  {
    method: 'GET', path: '/current-api-session',
    handle: (_call, context, caller) => succeed(view(caller.session, caller.identity, caller.token, secondsLeft(caller, context))),
  },
  { method: 'DELETE', path: '/current-api-session', handle: logout },
  {
    method: 'GET', path: '/current-api-session/service-updates',
    handle: (_call, { state }) => succeed({ lastChangeAt: dateText(state.lastChangeAt) }),
  },
  { method: 'POST', path: '/current-api-session/certificates', handle: createSessionCertificate },
]

function authenticate(call: Call, context: ControllerContext): Reply {
  const { state } = context
  if (context.auth === 'oidc') return fail('INVALID_AUTH_METHOD')
  const body = parseJsonBody(call)
  if (body === undefined) return fail('COULD_NOT_PARSE_BODY')
  const method = call.query.get('method')
  if (method !== 'cert') return fail(method === 'password' || method === 'ext-jwt' ? 'INVALID_AUTH' : 'INVALID_AUTH_METHOD')
  const credentials = checkCertificate(call, context)
  if (credentials === undefined) return fail('INVALID_AUTH')
  const { identity, authenticator, fingerprint } = credentials
  identity.sdkInfo = parseSdkInfo(body['sdkInfo'])
  identity.envInfo = parseEnvironment(body['envInfo'])
  identity.updatedAt = state.now()
  const session = state.apiSessions.open({
    kind: 'legacy', identityId: identity.id, authenticatorId: authenticator.id, fingerprint, life: state.tokenLife.access,
    configTypes: textsOf(body['configTypes']), ipAddress: call.remote.address, sdkInfo: identity.sdkInfo, envInfo: identity.envInfo,
  })
  const seconds = Math.round(state.tokenLife.access / 1000)
  return succeed(view(session, identity, session.token, seconds), {
    headers: {
      'Zt-Session': session.token,
      'Expiration-Seconds': String(seconds),
      // Go's own text form of a time, as observed.
      'Expires-At': `${dateText(session.endsAt).replace('T', ' ').replace('Z', '')} +0000 UTC`,
    },
  })
}

/** The seconds that `expirationSeconds` counts: whole for legacy, what is left of the access token for OIDC. */
function secondsLeft({ session, expiresAt }: Caller, { state }: ControllerContext): number {
  return session.kind === 'legacy' ? Math.round(state.tokenLife.access / 1000) : Math.floor((expiresAt - state.now()) / 1000)
}

function view(session: ApiSession, identity: Identity, token: string, expirationSeconds: number) {
  const updatedAt = session.createdAt
  return {
    ...entityHead('api-sessions', { ...session, updatedAt }, ['sessions']),
    authQueries: [],
    authenticatorId: session.authenticatorId,
    cachedLastActivityAt: dateText(session.lastActivityAt),
    configTypes: session.configTypes,
    identity: identityReference(identity),
    identityId: identity.id,
    ipAddress: session.ipAddress,
    isCertExtendable: true,
    isMfaComplete: false,
    isMfaRequired: false,
    lastActivityAt: dateText(session.lastActivityAt),
    token,
    expirationSeconds,
    expiresAt: dateText(session.lastActivityAt + expirationSeconds * 1000),
  }
}

/** 404 for OIDC: such a session is nothing that the controller stores (protocol section 11.2). */
function logout(_call: Call, { state }: ControllerContext, { session }: Caller): Reply {
  if (session.kind === 'oidc') return fail('NOT_FOUND')
  state.apiSessions.end(session.id)
  return succeed({})
}

const maximumSessionCertificates = 64

/** An ephemeral certificate for routers (protocol section 2.7). */
async function createSessionCertificate(call: Call, { certificates }: ControllerContext, { session, identity }: Caller): Promise<Reply> {
  if (session.fingerprints.size >= maximumSessionCertificates) return fail('SERVER_TOO_MANY_REQUESTS')
  const csrPem = textOf(parseJsonBody(call)?.['csr'])
  const id = createLongId()
  const spiffe = `identity/${identity.id}/apiSession/${session.id}/apiSessionCertificate/${id}`
  const certificate = await certificates.signRequest({ csrPem, name: identity.id, spiffe })
  if (certificate === undefined) return fail('COULD_NOT_PROCESS_CSR')
  session.fingerprints.add(certificate.fingerprint)
  return succeed({ id, certificate: certificate.pem, cas: certificates.bundlePem }, { status: 201 })
}
