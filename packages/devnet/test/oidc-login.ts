import { createHash, randomBytes } from 'node:crypto'
import type { IdentityJson } from '../src/admin/identity-admin.ts'
import type { Answer } from './rest-client.ts'
import { send } from './rest-client.ts'

export interface OidcLogin {
  readonly authorize: Answer
  readonly login: Answer
  readonly callback: Answer
  readonly token: Answer
}

export const redirectUri = 'http://localhost:8080/auth/callback'

/** The whole PKCE flow of protocol section 2.6 with a client certificate. */
export async function logInWithOidc(origin: string, identity: IdentityJson, options: { clientId?: string; body?: object } = {}): Promise<OidcLogin> {
  const clientId = options.clientId ?? 'openziti'
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    client_id: clientId, response_type: 'code', scope: 'openid offline_access', state: 'st8', nonce: 'n0nce', redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  })
  const authorize = await send(`${origin}/oidc/authorize?${query}`, { identity })
  const id = new URL(String(authorize.headers['location']), origin).searchParams.get('authRequestID')
  const login = await send(`${origin}/oidc/login/cert?id=${id}`, { identity, method: 'POST', body: { id, ...options.body } })
  const callback = await send(String(login.headers['location']), { identity })
  const code = new URL(String(callback.headers['location'])).searchParams.get('code') ?? ''
  const form = { grant_type: 'authorization_code', code, client_id: clientId, redirect_uri: redirectUri, code_verifier: verifier }
  const token = await send(`${origin}/oidc/oauth/token`, { identity, method: 'POST', body: new URLSearchParams(form) })
  return { authorize, login, callback, token }
}
