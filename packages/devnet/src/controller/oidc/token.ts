import { createHash } from 'node:crypto'
import type { IssuedToken } from '../../state/api-sessions.ts'
import type { Call, Json } from '../call.ts'
import { parseFields, textOf } from '../call.ts'
import type { ControllerContext, Route } from '../context.ts'
import type { Reply } from '../reply.ts'
import { clientIds } from './authorize.ts'
import { failOauth } from './oauth-reply.ts'
import type { TokenSet } from './token-set.ts'
import { issueTokens } from './token-set.ts'

export const tokenRoutes: readonly Route[] = [
  { method: 'POST', path: '/oidc/oauth/token', open: exchange },
  { method: 'POST', path: '/oidc/revoke', open: revoke },
]

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const refreshTokenType = 'urn:ietf:params:oauth:token-type:refresh_token'

async function exchange(call: Call, context: ControllerContext): Promise<Reply> {
  const fields = parseFields(call)
  if (fields === undefined) return failOauth('invalid_request', 'error parsing form')
  if (!clientIds.includes(clientOf(call, fields))) return failOauth('invalid_client', 'client not found')
  switch (fields['grant_type']) {
    case 'authorization_code': return redeemCode(call, context, fields)
    case 'refresh_token': return refresh(call, context, textOf(fields['refresh_token']))
    case exchangeGrant: return exchangeToken(call, context, fields)
    default: return failOauth('unsupported_grant_type', `${textOf(fields['grant_type'])} not supported`)
  }
}

/** `client_id`, or the user of Basic (RFC 6749 2.3.1), which both Ziti SDKs send with an empty password. */
function clientOf(call: Call, fields: Json): string {
  const basic = /^basic\s+(\S+)$/i.exec(call.headers.authorization ?? '')?.[1]
  if (basic === undefined) return textOf(fields['client_id'])
  return Buffer.from(basic, 'base64').toString('utf8').split(':')[0] ?? ''
}

async function redeemCode(call: Call, context: ControllerContext, fields: Json): Promise<Reply> {
  const code = textOf(fields['code'])
  const request = context.authRequests.takeCode(code)
  if (request === undefined) return failOauth('invalid_grant', 'invalid code')
  if (request.clientId !== clientOf(call, fields) || request.redirectUri !== fields['redirect_uri']) {
    return failOauth('invalid_grant', 'redirect_uri or client does not match')
  }
  const verifier = createHash('sha256').update(textOf(fields['code_verifier'])).digest('base64url')
  // RFC 7636 4.6. The code is gone in any case: a wrong guess is the last one.
  if (verifier !== request.codeChallenge) return failOauth('invalid_grant', 'invalid code_verifier')
  const { login } = request
  const session = context.state.apiSessions.open({
    kind: 'oidc', identityId: login.identity.id, authenticatorId: login.authenticatorId, fingerprint: login.fingerprint,
    configTypes: login.configTypes, ipAddress: login.remote, sdkInfo: login.sdkInfo, envInfo: login.envInfo,
    life: context.state.tokenLife.refresh,
  })
  const { clientId, scopes } = request
  const tokens = await issueTokens(context, { session, clientId, scopes, authenticatedAt: login.at, nonce: request.nonce, code })
  return reply(tokens)
}

async function refresh(call: Call, context: ControllerContext, token: string): Promise<Reply> {
  const issued = usableRefreshToken(call, context, token)
  if (issued === undefined) return failOauth('invalid_grant', 'refresh token is invalid')
  // The old one goes on working until it ends, as observed (protocol section 11.2), against what the specification says.
  return reply(await issueTokens(context, issued))
}

/** The form that the Go SDK refreshes with (RFC 8693). */
async function exchangeToken(call: Call, context: ControllerContext, fields: Json): Promise<Reply> {
  if (fields['subject_token_type'] !== refreshTokenType) return failOauth('invalid_request', 'subject_token_type is not supported')
  const issued = usableRefreshToken(call, context, textOf(fields['subject_token']))
  if (issued === undefined) return failOauth('invalid_request', 'subject_token is invalid')
  const tokens = await issueTokens(context, issued)
  return reply({ ...tokens, issued_token_type: textOf(fields['requested_token_type']) || refreshTokenType })
}

/** Bound to the certificates of its session: another client, or one without a certificate, gets nothing for it. */
function usableRefreshToken(call: Call, { state }: ControllerContext, token: string): IssuedToken | undefined {
  const issued = state.apiSessions.refreshToken(token)
  if (issued === undefined) return undefined
  const identity = state.identities.get(issued.session.identityId)
  const isBound = issued.session.fingerprints.has(call.fingerprint ?? '') || identity?.authenticator?.fingerprint === call.fingerprint
  return call.fingerprint !== undefined && isBound ? issued : undefined
}

/** RFC 7009: always a success. What is revoked is the whole session. */
function revoke(call: Call, { state }: ControllerContext): Reply {
  const token = textOf(parseFields(call)?.['token'])
  const session = state.apiSessions.refreshToken(token)?.session ?? state.apiSessions.find(token)?.session
  if (session !== undefined) state.apiSessions.end(session.id)
  return { status: 200, body: '' }
}

function reply(tokens: TokenSet & { issued_token_type?: string }): Reply {
  return { status: 200, headers: { Vary: 'Origin' }, body: JSON.stringify(tokens) }
}
