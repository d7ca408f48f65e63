import { CodedError } from '@tunnel/flow'
import { apiError } from '../controller/api-error.ts'
import type { ControllerPool } from '../controller/controller-pool.ts'
import type { HttpResponse } from '../controller/http-client.ts'
import { checkedBody } from '../controller/rest-client.ts'
import { loginStepSchema, tokenSchema, type TokenAnswer } from '../controller/schemas/api-session.ts'
import { loginBody } from './client-info.ts'
import { authQueriesUnsupported, loginRefusal, type Login, type LoginContext } from './login.ts'
import { oidcProvider, ownStep, redirectTarget, unexpected, type OidcProvider } from './oidc-provider.ts'
import { checkIdToken, oidcSession, warnOfSkew } from './oidc-tokens.ts'
import { createPkce, type Pkce } from './pkce.ts'
import type { ControllerVersion } from '../controller/schemas/version.ts'

// Never listened on: we read the code from the redirect ourselves.
const redirectUri = 'http://localhost:8080/auth/callback'
const scope = 'openid offline_access'
/** Controllers before 2.0 may know the second only. */
const clientIds = ['openziti', 'native'] as const

/** Login by client certificate at the controller's OIDC provider: authorization code with PKCE (protocol section 2.6). */
export async function loginOidc(context: LoginContext, version: ControllerVersion): Promise<Login> {
  const { rest, base, clock } = context
  const provider = oidcProvider(base, version)
  const pkce = createPkce()
  const { clientId, authRequestId } = await authorize(context, provider, pkce)
  const step = await certificateStep(context, provider, authRequestId)
  const code = await authorizationCode(context, provider, step, pkce.state)
  const sent = clock.now()
  const form = { grant_type: 'authorization_code', client_id: clientId, code, code_verifier: pkce.verifier, redirect_uri: redirectUri }
  const answer = await tokens(context, provider.origin, provider, form)
  const subject = checkIdToken(provider, answer.id_token, { clientId, nonce: pkce.nonce })
  warnOfSkew(context, provider, answer.access_token)
  const session = oidcSession(provider, answer, sent)
  let refreshToken = answer.refresh_token
  return {
    session,
    async refresh() {
      if (refreshToken === undefined) throw new CodedError('auth.no-refresh-token', 'The controller gave no refresh token.')
      const asked = clock.now()
      const grant = { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken, scope }
      // A JWT session is valid at every controller of the network.
      const fresh = await rest.pool.run((at) => tokens(context, new URL(at).origin, provider, grant))
      // Before anything that can fail: the old one may be void by now.
      refreshToken = fresh.refresh_token ?? refreshToken
      if (fresh.id_token !== undefined) checkIdToken(anyController(provider, rest.pool), fresh.id_token, { clientId, subject })
      return oidcSession(provider, fresh, asked)
    },
    // The controller keeps no such session: there is nothing to end (404, protocol section 11.2).
    logout: async () => {},
  }
}

/** Section 2.6 step 2. */
async function authorize(context: LoginContext, provider: OidcProvider, pkce: Pkce) {
  let refused: HttpResponse | undefined
  for (const clientId of clientIds) {
    const response = await context.rest.sendAt(provider.origin, {
      method: 'GET',
      path: `${provider.path}/authorize`,
      query: {
        client_id: clientId, response_type: 'code', scope, state: pkce.state, nonce: pkce.nonce, redirect_uri: redirectUri,
        code_challenge: pkce.challenge, code_challenge_method: 'S256',
      },
    })
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      refused = response
      continue
    }
    if (response.status >= 400) throw stepError(provider, response, 'authorize')
    const target = redirectTarget(provider, response)
    const error = target.searchParams.get('error')
    if (error !== null) throw unexpected(provider, `${error} ${target.searchParams.get('error_description') ?? ''}`.trim().slice(0, 200))
    ownStep(provider, target)
    const authRequestId = target.searchParams.get('authRequestID') ?? target.searchParams.get('id')
    if (authRequestId === null) throw unexpected(provider, 'the redirect to the login page has no request id')
    return { clientId, authRequestId }
  }
  throw refused === undefined ? unexpected(provider, 'no answer') : stepError(provider, refused, 'authorize')
}

/** Step 3. The next step, as path and query. */
async function certificateStep(context: LoginContext, provider: OidcProvider, id: string): Promise<string> {
  const response = await context.rest.sendAt(provider.origin, {
    method: 'POST', path: `${provider.path}/login/cert`, query: { id }, json: { id, ...loginBody(context.application) },
  })
  if (response.status === 200) {
    const { authQueries } = checkedBody(response, loginStepSchema, new URL(provider.origin).host, 'login/cert')
    throw authQueriesUnsupported(context.base, authQueries.map(({ typeId }) => typeId))
  }
  if (response.status >= 400) throw loginRefusal(stepError(provider, response, 'login/cert'), context)
  return ownStep(provider, redirectTarget(provider, response))
}

/** Step 5. */
async function authorizationCode(context: LoginContext, provider: OidcProvider, step: string, state: string): Promise<string> {
  const response = await context.rest.sendAt(provider.origin, { method: 'GET', path: step })
  if (response.status >= 400) throw stepError(provider, response, 'callback')
  const target = redirectTarget(provider, response)
  if (target.origin + target.pathname !== redirectUri) throw unexpected(provider, 'the code was sent to another place')
  if (target.searchParams.get('state') !== state) throw unexpected(provider, 'the state that came back is not ours')
  const error = target.searchParams.get('error')
  const code = target.searchParams.get('code')
  if (code === null) throw unexpected(provider, error === null ? 'the redirect has no code' : error.slice(0, 200))
  return code
}

/** Step 6, and refresh. */
async function tokens(context: LoginContext, origin: string, provider: OidcProvider, form: Record<string, string>): Promise<TokenAnswer> {
  return await context.rest.callAt(origin, { method: 'POST', path: `${provider.path}/oauth/token`, form }, tokenSchema)
}

/** A refresh may be answered by another controller, whose issuer is its own address. */
function anyController(provider: OidcProvider, pool: ControllerPool): OidcProvider {
  return { ...provider, issuers: [...provider.issuers, ...pool.urls.map((url) => new URL(url).origin + provider.path)] }
}

function stepError(provider: OidcProvider, response: HttpResponse, step: string): CodedError {
  return apiError(response, new URL(provider.origin).host, `${provider.path}/${step}`)
}
