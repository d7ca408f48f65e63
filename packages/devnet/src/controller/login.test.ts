import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startTestPlane } from '../../test/control-plane.ts'
import { logInWithOidc, redirectUri } from '../../test/oidc-login.ts'
import { send } from '../../test/rest-client.ts'
import type { IdentityJson } from '../admin/identity-admin.ts'
import type { ControlPlane } from '../control-plane.ts'
import { createRouterAuthority } from '../state/router-authority.ts'
import { certificateFingerprint } from '../pki/fingerprint.ts'
import { X509Certificate } from 'node:crypto'

const minute = 60_000
let plane: ControlPlane
let alice: IdentityJson
let bob: IdentityJson
let now = 0
const der = (identity: IdentityJson) => new X509Certificate(identity.id.cert.slice(4)).raw

beforeEach(async () => {
  now = Date.now()
  plane = await startTestPlane({ now: () => now })
  for (const name of ['alice', 'bob']) await plane.identities.create(name)
  alice = plane.identities.json('alice')
  bob = plane.identities.json('bob')
})
afterEach(() => plane.close())

const api = (path: string, headers: Record<string, string>, options = {}) => send(`${plane.origin}/edge/client/v1${path}`, { headers, ca: plane.certificates.bundlePem, ...options })
const logIn = (identity: IdentityJson) => send(`${plane.origin}/edge/client/v1/authenticate?method=cert`, { method: 'POST', body: {}, identity })
const legacyToken = async (identity: IdentityJson) => ({ 'zt-session': String((await logIn(identity)).headers['zt-session']) })
const checkAtRouter = (token: string, identity: IdentityJson) => createRouterAuthority(plane.state).checkApiSession(token, der(identity))

describe('a legacy session', () => {
  it('lives 30 minutes after the last call', async () => {
    const headers = await legacyToken(alice)
    now += 29 * minute
    expect((await api('/current-identity', headers)).body.data.name).toBe('alice')
    now += 29 * minute
    expect((await api('/current-api-session', headers)).status).toBe(200)
    now += 31 * minute
    const late = await api('/current-identity', headers)
    expect([late.status, late.headers['www-authenticate']]).toEqual([401, 'zt-session realm="zt-session" error="invalid" error_description="token is invalid"'])
  })

  it('is known to routers with the certificate of its identity, and ends with the logout', async () => {
    const headers = await legacyToken(alice)
    const token = headers['zt-session']
    expect(checkAtRouter(token, alice)).toMatchObject({ identityName: 'alice', kind: 'legacy' })
    expect(checkAtRouter(token, bob)).toBe('foreign')
    const ended: string[] = []
    createRouterAuthority(plane.state).onApiSessionEnded((id) => ended.push(id))
    const { id } = plane.state.apiSessions.list()[0]!
    expect((await api('/current-api-session', headers, { method: 'DELETE' })).status).toBe(200)
    expect(ended).toEqual([id])
    expect(checkAtRouter(token, alice)).toBe('unknown')
  })

  it('needs a certificate of this network, not past its end', async () => {
    const without = await send(`${plane.origin}/edge/client/v1/authenticate?method=cert`, { method: 'POST', body: {}, ca: plane.certificates.bundlePem })
    expect([without.status, without.body.error.code]).toEqual([401, 'INVALID_AUTH'])
    plane.identities.find('alice').authenticator!.expired = true
    expect((await logIn(alice)).body.error.code).toBe('INVALID_AUTH')
    expect((await logIn(bob)).status).toBe(200)
  })

  it('ends for the identities that are meant', async () => {
    const [first, second] = [await legacyToken(alice), await legacyToken(bob)]
    const { id } = plane.identities.find('alice')
    plane.state.apiSessions.expire(({ identityId }) => identityId === id, { refreshTokens: false })
    expect((await api('/services', first)).status).toBe(401)
    expect((await api('/services', second)).status).toBe(200)
  })
})

describe('an OIDC session', () => {
  const refresh = (token: string, identity: IdentityJson | undefined, form = {}) => send(`${plane.origin}/oidc/oauth/token`, {
    method: 'POST', ca: plane.certificates.bundlePem, ...identity && { identity },
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'openziti', refresh_token: token, ...form }),
  })
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

  it('has tokens that the published keys verify', async () => {
    const { token } = await logInWithOidc(plane.origin, alice)
    const keys = createLocalJWKSet((await send(`${plane.origin}/oidc/keys`, { identity: alice })).body)
    const { payload } = await jwtVerify(token.body.access_token, keys, { issuer: `${plane.origin}/oidc`, audience: 'openziti', currentDate: new Date(now) })
    expect(payload).toMatchObject({ sub: plane.identities.find('alice').id, z_t: 'a', z_cfs: [certificateFingerprint(der(alice))] })
    expect((await jwtVerify(token.body.id_token, keys, { currentDate: new Date(now) })).payload['nonce']).toBe('n0nce')
    expect(token.body.expires_in).toBe(1799)
  })

  it('expires, says so, and goes on with the refresh token, also an old one', async () => {
    const { access_token: access, refresh_token: first } = (await logInWithOidc(plane.origin, alice)).token.body
    now += 31 * minute
    const late = await api('/services', bearer(access))
    expect(late.status).toBe(401)
    expect(late.headers['www-authenticate']).toContain('Bearer realm="openziti-oidc" error="expired"')
    expect(checkAtRouter(access, alice)).toBe('unknown')
    const second = (await refresh(first, alice)).body
    expect((await api('/services', bearer(second.access_token))).status).toBe(200)
    expect(checkAtRouter(second.access_token, alice)).toMatchObject({ kind: 'oidc', expiresAt: now + 30 * minute })
    expect((await refresh(first, alice)).status).toBe(200)
    now += 25 * 60 * minute
    expect((await refresh(second.refresh_token, alice)).body.error).toBe('invalid_grant')
  })

  it('refreshes only over its own certificate, and in the form of the Go SDK too', async () => {
    const { refresh_token: token } = (await logInWithOidc(plane.origin, alice)).token.body
    expect((await refresh(token, undefined)).status).toBe(400)
    expect((await refresh(token, bob)).status).toBe(400)
    const type = 'urn:ietf:params:oauth:token-type:refresh_token'
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: token, subject_token_type: type, requested_token_type: type }
    const exchanged = await send(`${plane.origin}/oidc/oauth/token`, {
      method: 'POST', identity: alice, body: new URLSearchParams(form), headers: { authorization: `Basic ${btoa('native:')}` },
    })
    expect(exchanged.body).toMatchObject({ token_type: 'Bearer', issued_token_type: type })
    expect((await api('/services', bearer(exchanged.body.access_token))).status).toBe(200)
  })

  it('has no logout: 404, and goes on', async () => {
    const { access_token: access } = (await logInWithOidc(plane.origin, alice)).token.body
    expect((await api('/current-api-session', bearer(access), { method: 'DELETE' })).status).toBe(404)
    expect((await api('/current-api-session', bearer(access))).status).toBe(200)
  })

  it('tells missing and invalid tokens apart', async () => {
    const { access_token: access } = (await logInWithOidc(plane.origin, alice)).token.body
    const errorOf = async (headers: Record<string, string>) => String((await api('/services', headers)).headers['www-authenticate'])
    expect(await errorOf({})).toMatch(/zt-session realm="zt-session" error="missing".*Bearer realm="openziti-oidc" error="missing"/)
    expect(await errorOf(bearer('garbage'))).toContain('error="missing"')
    expect(await errorOf(bearer(`${access.slice(0, -4)}AAAA`))).toContain('error="invalid"')
  })

  it.each([
    ['a wrong verifier', { code_verifier: 'wrong' }],
    ['another redirect', { redirect_uri: 'http://localhost:1/auth/callback' }],
    ['another client', { client_id: 'native' }],
  ])('refuses a code with %s, and then for good', async (_name, change) => {
    const query = new URLSearchParams({
      client_id: 'openziti', response_type: 'code', scope: 'openid', state: 's', redirect_uri: redirectUri, code_challenge_method: 'S256',
      // RFC 7636 appendix B.
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    })
    const authorize = await send(`${plane.origin}/oidc/authorize?${query}`, { identity: alice })
    const id = String(authorize.headers['location']).split('=')[1]
    const early = await send(`${plane.origin}/oidc/authorize/callback?id=${id}`, { identity: alice })
    expect(early.headers['location']).toContain('error=interaction_required')
    await send(`${plane.origin}/oidc/login/cert`, { method: 'POST', identity: alice, body: new URLSearchParams({ id: id! }) })
    const callback = await send(`${plane.origin}/oidc/authorize/callback?id=${id}`, { identity: alice })
    const code = new URL(String(callback.headers['location'])).searchParams.get('code')!
    const right = {
      grant_type: 'authorization_code', client_id: 'openziti', redirect_uri: redirectUri, code, code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    }
    const redeem = (form: Record<string, string>) => send(`${plane.origin}/oidc/oauth/token`, { method: 'POST', identity: alice, body: new URLSearchParams(form) })
    expect((await redeem({ ...right, ...change })).body.error).toBe('invalid_grant')
    expect((await redeem(right)).body.error).toBe('invalid_grant')
  })

  it('redirects to no place but those of clients', async () => {
    const query = new URLSearchParams({ client_id: 'openziti', response_type: 'code', scope: 'openid', redirect_uri: 'https://evil.example/auth/callback' })
    const answer = await send(`${plane.origin}/oidc/authorize?${query}`, { identity: alice })
    expect([answer.status, answer.headers['location']]).toEqual([400, undefined])
  })

  it('has an issuer only under a name of the certificate', async () => {
    const path = `${plane.origin}/oidc/.well-known/openid-configuration`
    expect((await send(path, { identity: alice, headers: { host: 'localhost:1280' } })).status).toBe(200)
    expect((await send(path, { identity: alice, headers: { host: 'elsewhere.example' } })).status).toBe(404)
  })
})

describe('the kinds of login', () => {
  it.each(['legacy', 'oidc'] as const)('%s only', async (auth) => {
    await plane.close()
    plane = await startTestPlane({ auth })
    await plane.identities.create('alice')
    const identity = plane.identities.json('alice')
    const { data } = (await send(`${plane.origin}/version`, { identity })).body
    expect(data.capabilities.includes('OIDC_AUTH')).toBe(auth === 'oidc')
    expect('edge-oidc' in data.apiVersions).toBe(auth === 'oidc')
    expect((await logIn(identity)).status).toBe(auth === 'oidc' ? 400 : 200)
    expect((await send(`${plane.origin}/oidc/keys`, { identity })).status).toBe(auth === 'oidc' ? 200 : 404)
  })
})
