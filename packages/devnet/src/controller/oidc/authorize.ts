import type { Call } from '../call.ts'
import { parseFields, textOf } from '../call.ts'
import type { ControllerContext, Route } from '../context.ts'
import type { Reply } from '../reply.ts'
import type { AuthRequest } from './auth-requests.ts'
import { failOauth, redirect } from './oauth-reply.ts'

/** The two ends of a login: where it begins, and where the code is handed out. */
export const authorizeRoutes: readonly Route[] = [
  { method: 'GET', path: '/oidc/authorize', open: authorize },
  { method: 'POST', path: '/oidc/authorize', open: authorize },
  { method: 'GET', path: '/oidc/authorize/callback', open: giveCode },
]

export const clientIds: readonly string[] = ['openziti', 'native']

const redirectPattern = /^(openziti:\/\/auth\/callback|https?:\/\/(127\.0\.0\.1|localhost)(:\d{1,5})?\/auth\/callback)$/

function authorize(call: Call, { authRequests }: ControllerContext): Reply {
  const fields = call.method === 'POST' ? { ...Object.fromEntries(call.query), ...parseFields(call) } : Object.fromEntries(call.query)
  const field = (name: string) => textOf(new Map<string, unknown>(Object.entries(fields)).get(name))
  const clientId = field('client_id')
  const redirectUri = field('redirect_uri')
  if (!clientIds.includes(clientId)) return failOauth('invalid_request', 'unable to retrieve client by id')
  if (!redirectPattern.test(redirectUri)) return failOauth('invalid_request', 'The requested redirect_uri is missing in the client configuration')
  const scopes = field('scope').split(' ').filter((scope) => scope !== '')
  const refuse = (error: string, description: string) => redirect(callback(redirectUri, { error, error_description: description, state: field('state') }))
  if (field('response_type') !== 'code') return refuse('unsupported_response_type', 'The response_type is not supported.')
  if (!scopes.includes('openid')) return refuse('invalid_scope', 'The scope openid is missing.')
  // RFC 7636 4.4.1: these are public clients, so a request without a challenge cannot be redeemed safely.
  if (field('code_challenge_method') !== 'S256' || field('code_challenge') === '') return refuse('invalid_request', 'code_challenge required')
  const request = authRequests.add({
    clientId, redirectUri, scopes, state: field('state'), nonce: field('nonce'), codeChallenge: field('code_challenge'),
  })
  const method = call.fingerprint === undefined ? 'username' : 'cert'
  return redirect(`/oidc/login/${method}?authRequestID=${request.id}`)
}

function giveCode(call: Call, { authRequests }: ControllerContext): Reply {
  const request = authRequests.find(call.query.get('id') ?? '')
  if (request === undefined) return failOauth('invalid_request', 'auth request not found')
  const { redirectUri, state } = request
  if (!isComplete(request)) return redirect(callback(redirectUri, { error: 'interaction_required', state }))
  return redirect(callback(redirectUri, { code: authRequests.createCode(request), state }))
}

const isComplete = (request: AuthRequest): request is Required<AuthRequest> => request.login !== undefined

const callback = (redirectUri: string, parameters: Record<string, string>) =>
  `${redirectUri}?${new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== '')).toString()}`
