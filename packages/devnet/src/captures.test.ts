import { readFileSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { OidcLogin } from '../test/oidc-login.ts'
import { logInWithOidc } from '../test/oidc-login.ts'
import type { Answer, RequestOptions } from '../test/rest-client.ts'
import { send } from '../test/rest-client.ts'
import { shapeOf } from '../test/shape.ts'
import type { IdentityJson } from './admin/identity-admin.ts'
import type { ControlPlane } from './control-plane.ts'
import { startTestPlane } from '../test/control-plane.ts'

interface Capture {
  readonly request: { readonly method: string; readonly path: string; readonly headers: Record<string, string>; readonly body: Record<string, unknown> | null; readonly clientCert: boolean }
  readonly status: number
  readonly headers: readonly [string, string][]
  readonly body: unknown
}

// What a real 2.0.3 controller answered; shared with the tests of the SDK, read as data.
const folder = new URL('../../edge/testdata/captures/', import.meta.url)
const read = (name: string) => JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))
const capture = (name: string): Capture => read(name)

let plane: ControlPlane
let client: IdentityJson
let oidc: OidcLogin
/** Ids of the captured network to ours. */
const ids = new Map<string, string>()
const tokens = { legacy: '', oidc: '' }

beforeAll(async () => {
  plane = await startTestPlane()
  const { identities, services, state } = plane
  await identities.create('client1', { roles: ['clients'] })
  client = identities.json('client1')
  const port = (low: number) => [{ low, high: low }]
  const intercept = (address: string) => ({ protocols: ['tcp'], addresses: [address], portRanges: port(7000) })
  const host = { protocol: 'tcp', address: '127.0.0.1', port: 7000 }
  const dial = ['client1']
  const hostedBy = { router: 'router-1', target: 'tcp:127.0.0.1:7000' }
  const roles = ['rt']
  const create = (name: string, options: Parameters<typeof services.create>[1]) => services.create(name, { dial, roles, hostedBy, ...options }).id
  ids.set('4T4rOTuHzCnzydUV7vaQjd', create('echo', { configs: { 'intercept.v1': intercept('echo.ziti'), 'host.v1': host } }))
  ids.set('1wt7fp6c1i66H3k6v1TOBX', create('hosted', { configs: { 'intercept.v1': intercept('hosted.ziti') } }))
  ids.set('5OIsL4yBi1EwMdfaFCVfJq', create('posture', { configs: { 'host.v1': host }, posture: [{ type: 'OS', os: ['Linux'] }] }))
  create('plain', {})
  create('posture-proc', { configs: { 'host.v1': host }, posture: [{ type: 'PROCESS', path: '/usr/local/bin/agent', os: 'Linux' }] })
  ids.set('11kmOil1SEis8rGglalOcD', [...state.services.values()].find(({ name }) => name === 'posture')!.postureChecks[0]!.id)
})
afterAll(() => plane.close())

/** The captured request to our controller, with our ids and tokens in the place of theirs. */
function replay(name: string): Promise<Answer> {
  const { request } = capture(name)
  const translate = (text: string) => [...ids].reduce((changed, [theirs, ours]) => changed.replaceAll(theirs, ours), text)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]): [string, string] => {
    if (key === 'zt-session' && value !== 'nonsense') return [key, tokens.legacy]
    return key === 'Authorization' ? [key, `Bearer ${tokens.oidc}`] : [key, value]
  }))
  const options: RequestOptions = {
    method: request.method, headers, ca: plane.certificates.bundlePem,
    ...request.body !== null && { body: JSON.parse(translate(JSON.stringify(request.body))) },
    ...request.clientCert && { identity: client },
  }
  return send(plane.origin + translate(request.path), options)
}

/** Headers that differ for reasons of the HTTP library, not of the controller. */
const ofLibrary = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'date'])
const names = (headers: readonly string[]) => headers.map((name) => name.toLowerCase()).filter((name) => !ofLibrary.has(name)).sort()

function expectLike(answer: Answer, name: string): void {
  const expected = capture(name)
  expect(answer.status).toBe(expected.status)
  expect(names(Object.keys(answer.headers))).toEqual(names(expected.headers.map(([header]) => header)))
  expect(shapeOf(answer.body ?? answer.text)).toEqual(shapeOf(expected.body))
}

const sessionFlow = (kind: 'legacy' | 'oidc') => [
  'current-api-session', 'service-updates', 'current-identity', 'current-identity-edge-routers', 'current-identity-authenticators',
  'current-identity-mfa', 'controllers', 'services-by-name', 'services-configtypes-all', 'services-sdk-query',
  ...['echo', 'hosted', 'posture'].flatMap((service) => ['', '-edge-routers', '-terminators'].map((part) => `service-${service}${part}`)),
  'session-bind-denied', 'session-dial-echo', 'session-dial-hosted', 'session-get-echo', 'session-get-hosted', 'session-dial-posture',
  'posture-response', 'service-posture-after', 'session-dial-posture-after', 'sessions',
].map((name) => `${kind}-${name}`)

const openFlow = ['version', 'version-client', 'version-nocert', 'protocols', 'enumerated-capabilities', 'external-jwt-signers',
  'well-known-est', 'legacy-unauthorized', 'oidc-discovery']

describe('answers have the shape of a real controller\'s', () => {
  it.each(openFlow)('%s', async (name) => expectLike(await replay(name), name))

  it('oidc-keys, but for the kind of key', async () => {
    const answer = await replay('oidc-keys')
    expect(Object.keys(answer.body.keys[0]).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    expect(answer.headers['vary']).toBe('Origin')
  })

  it('authenticate-cert', async () => {
    const answer = await replay('authenticate-cert')
    expectLike(answer, 'authenticate-cert')
    tokens.legacy = answer.body.data.token
  })

  it.each(sessionFlow('legacy'))('%s', async (name) => expectFlow(name))

  it('the OIDC flow', async () => {
    const { body } = capture('oidc-login-cert').request
    oidc = await logInWithOidc(plane.origin, client, { clientId: 'native', body: { configTypes: body!['configTypes'], sdkInfo: body!['sdkInfo'], envInfo: body!['envInfo'] } })
    expectLike(oidc.authorize, 'oidc-authorize')
    expectLike(oidc.login, 'oidc-login-cert')
    expectLike(oidc.callback, 'oidc-callback')
    expectLike(oidc.token, 'oidc-token')
    tokens.oidc = oidc.token.body.access_token
  })

  it('oidc-refresh', async () => {
    const form = { grant_type: 'refresh_token', client_id: 'native', refresh_token: oidc.token.body.refresh_token }
    expectLike(await send(`${plane.origin}/oidc/oauth/token`, { method: 'POST', identity: client, body: new URLSearchParams(form) }), 'oidc-refresh')
  })

  it.each(['access_token', 'refresh_token', 'id_token'])('claims of the %s', (name) => {
    const [header, claims] = read('oidc-token-decoded')[name]
    expect(shapeOf(decodeProtectedHeader(oidc.token.body[name]))).toEqual(shapeOf(header))
    expect(shapeOf(decodeJwt(oidc.token.body[name]))).toEqual(shapeOf(claims))
  })

  it.each(sessionFlow('oidc'))('%s', async (name) => expectFlow(name))

  it('legacy-logout', async () => expectLike(await replay('legacy-logout'), 'legacy-logout'))

  it('covers every capture of an answer', () => {
    const covered = new Set([...openFlow, ...sessionFlow('legacy'), ...sessionFlow('oidc'), 'oidc-session-get-posture', 'legacy-logout',
      'authenticate-cert', 'oidc-authorize', 'oidc-login-cert', 'oidc-callback', 'oidc-token', 'oidc-refresh', 'oidc-keys'])
    const all = readdirSync(folder).filter((name) => name.endsWith('.json') && !name.endsWith('-decoded.json')).map((name) => name.slice(0, -5))
    expect(all.filter((name) => !covered.has(name))).toEqual([])
  })
})

async function expectFlow(name: string): Promise<void> {
  const answer = await replay(name)
  if (/session-dial-(echo|hosted)$/.test(name)) {
    // The captured session that the later requests name is ours from here on.
    ids.set(read(name).body.data.id, answer.body.data.id)
    if (name.endsWith('echo')) expectClaims(answer.body.data.token, `${name}-token-decoded`)
  }
  expectLike(answer, name)
}

function expectClaims(token: string, name: string): void {
  const [header, claims] = read(name)
  expect(shapeOf(decodeProtectedHeader(token))).toEqual(shapeOf(header))
  expect(shapeOf(decodeJwt(token))).toEqual(shapeOf(claims))
}
