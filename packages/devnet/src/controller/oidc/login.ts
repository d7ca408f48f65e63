import { parseEnvironment, parseSdkInfo } from '../../state/client-info.ts'
import type { Call, Json } from '../call.ts'
import { isJson, parseFields, textOf, textsOf } from '../call.ts'
import type { ControllerContext, Route } from '../context.ts'
import { checkCertificate } from '../credentials.ts'
import type { Reply } from '../reply.ts'
import { fail } from '../reply.ts'

export const loginRoutes: readonly Route[] = [
  { method: 'GET', path: '/oidc/login/auth-queries', open: () => ({ status: 200, body: JSON.stringify({ authQueries: [] }) }) },
  { method: 'GET', path: '/oidc/login/:method', open: showLogin },
  { method: 'POST', path: '/oidc/login/cert', open: logIn },
  { method: 'POST', path: '/oidc/login/:method', open: () => fail('INVALID_AUTH') },
]

/** The page for people; programs read the header of it (protocol section 2.6, step 2). */
function showLogin(call: Call): Reply {
  const id = call.query.get('authRequestID') ?? ''
  return {
    status: 200,
    headers: { 'Content-Type': 'text/html; charset=utf-8', ...isToken(id) && { 'auth-request-id': id } },
    body: '<!doctype html><title>devnet</title><p>This network knows client certificates only.\n',
  }
}

/** Nothing of a query goes into a header but what can be an id. */
const isToken = (text: string) => /^[\w-]{1,64}$/.test(text)

function logIn(call: Call, context: ControllerContext): Reply {
  const fields = parseFields(call)
  if (fields === undefined) return fail('COULD_NOT_PARSE_BODY')
  const id = textOf(fields['id']) || (call.query.get('id') ?? call.query.get('authRequestID') ?? '')
  const request = context.authRequests.find(id)
  if (request === undefined) return fail('NOT_FOUND', { status: 400 })
  const credentials = checkCertificate(call, context)
  if (credentials === undefined) return fail('INVALID_AUTH')
  const { identity, authenticator, fingerprint } = credentials
  identity.sdkInfo = parseSdkInfo(isJson(call) ? fields['sdkInfo'] : sdkFields(fields))
  identity.envInfo = parseEnvironment(isJson(call) ? fields['envInfo'] : environmentFields(fields))
  request.login = {
    identity, fingerprint, authenticatorId: authenticator.id, configTypes: textsOf(fields['configTypes']),
    sdkInfo: identity.sdkInfo, envInfo: identity.envInfo,
    remote: `${call.remote.address}:${call.remote.port}`, at: context.state.now(),
  }
  return { status: 302, headers: { Location: `${context.origin()}/oidc/authorize/callback?id=${request.id}` }, body: '' }
}

const sdkFields = (form: Json) => ({
  appId: form['sdkAppID'], appVersion: form['sdkAppVersion'], branch: form['sdkBranch'], revision: form['sdkRevision'],
  type: form['sdkType'], version: form['sdkVersion'],
})

const environmentFields = (form: Json) =>
  ({ arch: form['envArch'], os: form['envOs'], osRelease: form['envOsRelease'], osVersion: form['envOsVersion'] })
